import type { DicomReadErrorCode } from '../errors.ts';
import type { HeaderFailure, HeaderReader, HeaderRow } from '../ports.ts';
import type {
  GroupedBatch,
  GroupedRecord,
  Origin,
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

export interface GroupBatchOptions {
  /** Whether files that may become readable by themselves are set aside, instead of being dead-lettered. */
  readonly mayWait: boolean;
  /** When the batch was full or its period was over, by `performance.now()`. */
  readonly closedAt: number;
}

/** Reads and groups one batch, once. Files that no thread could read are set aside whatever `mayWait` says. */
export async function groupBatch(
  reader: HeaderReader,
  records: readonly ParsedRecord[],
  { mayWait, closedAt }: GroupBatchOptions,
): Promise<Grouping> {
  const files = records.filter((record) => record.kind === 'file');
  const headers = await reader.read(files);

  const poison: PoisonRecord[] = records.filter((record) => record.kind === 'poison');
  const waiting: StoredFile[] = [];
  const failed = new Set<number>();
  let stalled = false;
  for (const failure of headers.failures) {
    failed.add(failure.index);
    const file = at(files, failure.index);
    if (failure.notAttempted === true) stalled = true;
    if (failure.notAttempted === true || (mayWait && isWorthWaiting(failure))) waiting.push(file);
    else poison.push({ kind: 'poison', source: file.source, error: failure.error });
  }

  const states = rowsByFile(headers.states, files);
  const images = rowsByFile(headers.images, files);
  const grouped: GroupedRecord[] = [];
  files.forEach((file, i) => {
    if (!failed.has(i)) grouped.push({ file, object: file.object, state: states[i] ?? null, image: images[i] ?? null });
  });
  const origins = records.map((record) => record.source.origin);
  return { batch: { origins: without(origins, waiting), grouped, poison, closedAt }, waiting, stalled };
}

/** The rows in the files' places. */
function rowsByFile(rows: readonly HeaderRow[], files: readonly StoredFile[]): (PublishedRow | undefined)[] {
  const byFile = new Array<PublishedRow | undefined>(files.length).fill(undefined);
  for (const { index, identity, key, json } of rows)
    byFile[index] = { identity, key, json, version: at(files, index).version };
  return byFile;
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

function without(origins: readonly Origin[], waiting: readonly StoredFile[]): readonly Origin[] {
  if (waiting.length === 0) return origins;
  const aside = new Set(waiting.map((file) => file.source.origin));
  return origins.filter((origin) => !aside.has(origin));
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`the header reader answered for file ${index} of ${items.length}`);
  return item;
}
