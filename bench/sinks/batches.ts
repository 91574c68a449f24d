import type { GroupedBatch } from '../../src/records/records.ts';
import { recordOf } from '../../src/testing/sink-contract-batches.ts';

/** The rows of one table, and the same rows as text for a bulk load. */
export interface TableRows {
  readonly columns: readonly string[];
  readonly objects: readonly Readonly<Record<string, unknown>>[];
  /** Values separated by tabs, lines ended by newlines, `\N` for null: what COPY and LOAD DATA read by default. */
  readonly text: Buffer;
}

/** One batch in the form that a way stores. The other forms are not made, since the garbage collector would look at them in every way. */
export interface BenchBatch {
  readonly grouped: GroupedBatch;
  /** Objects, states, images: of the ways other than the sink. */
  readonly rows: readonly TableRows[];
}

/** What a way stores: records as the service groups them, lines for a bulk load, or objects for drizzle. */
export type Form = 'records' | 'text' | 'objects';

const IMAGES_PER_SERIES = 50;
const FIRST_TIME = Date.UTC(2025, 9, 15);

let records = 0;

/** Makes batches of records that no other batch has: a series of 50 images each, so that every key is new. */
export function makeBatches(count: number, size: number, form: Form): readonly BenchBatch[] {
  return Array.from({ length: Math.ceil(count / size) }, () => makeBatch(size, form));
}

function makeBatch(size: number, form: Form): BenchBatch {
  const grouped = Array.from({ length: size }, (_, at) => {
    const n = records++;
    const series = `1.2.826.0.1.3680043.10.9999.8.${Math.floor(n / IMAGES_PER_SERIES)}`;
    const record = recordOf({
      // Like a UUID v7: it grows with time.
      trace_id: `01990000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
      study_uid: `1.2.826.0.1.3680043.10.9999.1.${Math.floor(n / (4 * IMAGES_PER_SERIES))}`,
      series_uid: series,
      sop_uid: `1.2.826.0.1.3680043.10.9999.9.${n}`,
      // Doris's sink reads the stored rows of equal times, which a real receiver hardly ever writes.
      created_time: createdTime(n),
    });
    // One state for each series of the batch, as group_dicom_state emits it.
    return n % IMAGES_PER_SERIES === 0 || at === 0 ? record : { ...record, state: null };
  });
  if (form === 'records') return { grouped: { origins: [], grouped, poison: [], closedAt: 0 }, rows: [] };
  const rows = [
    grouped.map(({ file }) => file.object.json),
    grouped.flatMap(({ state }) => (state === null ? [] : [state.json])),
    grouped.flatMap(({ image }) => (image === null ? [] : [image.json])),
  ].map((json) => tableRows(json, form));
  return { grouped: { origins: [], grouped: [], poison: [], closedAt: 0 }, rows };
}

/** A time of its own for each record, a thousand in a second. */
function createdTime(record: number): string {
  return new Date(FIRST_TIME + record).toISOString().replace('Z', '000');
}

function tableRows(json: readonly Buffer[], form: Form): TableRows {
  const objects = json.map((each): Record<string, unknown> => JSON.parse(String(each)));
  const columns = Object.keys(objects[0] ?? {});
  if (form === 'objects') return { columns, objects, text: Buffer.alloc(0) };
  const lines = objects.map((row) => columns.map((column) => textOf(row[column])).join('\t'));
  return { columns, objects: [], text: Buffer.from(lines.map((line) => `${line}\n`).join('')) };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '\\N';
  return String(value).replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}
