import type { HeaderFailure, HeaderReader } from '../../topology/nodes.ts';
import type { DicomReadErrorCode } from '../errors.ts';
import { objectRow, versionOf } from '../records/object-row.ts';
import type {
  GroupedBatch,
  GroupedRecord,
  ParsedRecord,
  PoisonRecord,
  PublishedRow,
  StoredFile,
} from '../records/records.ts';

/** A batch without the records whose files may come to be readable, and these. */
export interface Grouping {
  readonly batch: GroupedBatch;
  readonly waiting: readonly StoredFile[];
  /** Some of them nobody has looked at: the storage hangs, and the time until the next look is no time that a file was waited for. */
  readonly stalled: boolean;
}

/**
 * Reads and groups one batch, once. With `mayWait`, files that may become readable by themselves are set aside instead of being poison;
 * those that nobody could look at are set aside in any case.
 */
export async function groupBatch(
  reader: HeaderReader,
  records: readonly ParsedRecord[],
  { mayWait }: { readonly mayWait: boolean },
): Promise<Grouping> {
  const startedAt = performance.now();
  const files = records.filter((record) => record.kind === 'file');
  const versions = files.map((file) => versionOf(file.meta));
  const headers = await reader.read(
    files.map(({ meta }, i) => ({
      tenantId: meta.tenant_id,
      path: meta.file_path,
      size: meta.file_size,
      version: at(versions, i),
    })),
  );

  const poison: PoisonRecord[] = records.filter((record) => record.kind === 'poison');
  const waiting: StoredFile[] = [];
  const failed = new Set<number>();
  let stalled = false;
  for (const failure of headers.failures) {
    failed.add(failure.index);
    const file = at(files, failure.index);
    if (failure.untried === true) stalled = true;
    if (failure.untried === true || (mayWait && isWorthWaiting(failure))) waiting.push(file);
    else poison.push({ kind: 'poison', source: file.source, error: failure.error });
  }

  const states = new Map<number, PublishedRow>();
  const images = new Map<number, PublishedRow>();
  for (const { index, ...row } of headers.states) states.set(index, { ...row, version: at(versions, index) });
  for (const { index, ...row } of headers.images) images.set(index, { ...row, version: at(versions, index) });

  const grouped: GroupedRecord[] = [];
  files.forEach((file, i) => {
    if (failed.has(i)) return;
    const object = objectRow(file.meta, at(versions, i));
    grouped.push({ file, object, state: states.get(i) ?? null, image: images.get(i) ?? null });
  });
  const sources = records.map((record) => record.source);
  return { batch: { sources: without(sources, waiting), grouped, poison, startedAt }, waiting, stalled };
}

/** Not there yet, cut short, or the storage's trouble rather than the file's. */
const PASSING: ReadonlySet<DicomReadErrorCode> = new Set([
  'file_missing',
  'file_unreadable',
  'truncated',
  'read_timeout',
  'read_failed',
]);

function isWorthWaiting({ error, incomplete }: HeaderFailure): boolean {
  return incomplete === true || PASSING.has(error.code);
}

function without<T>(sources: readonly T[], waiting: readonly { readonly source: T }[]): readonly T[] {
  if (waiting.length === 0) return sources;
  const aside = new Set(waiting.map((file) => file.source));
  return sources.filter((source) => !aside.has(source));
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`the header reader answered for file ${index} of ${items.length}`);
  return item;
}
