import type { DicomReadErrorCode } from '../errors.ts';
import type { HeaderFailure, HeaderReader, HeaderRow } from '../ports.ts';
import type {
  GroupedBatch,
  GroupedRecord,
  ParsedRecord,
  PoisonRecord,
  PublishedRow,
  StoredFile,
} from '../records/records.ts';

/** A batch, and the records that left it because their files may become readable later. */
export interface Grouping {
  readonly batch: GroupedBatch;
  /** There are no such files. */
  readonly missing: readonly StoredFile[];
  /** Their files are incomplete or temporarily unreadable. */
  readonly unreadable: readonly StoredFile[];
  /** The storage did not answer in time. The time of the attempt doesn't count towards `fileWaitMs`. */
  readonly timedOut: readonly StoredFile[];
  /**
   * Their files were not tried (`HeaderFailure.notAttempted`). The time until the next attempt doesn't count towards
   * `fileWaitMs`.
   */
  readonly notAttempted: readonly StoredFile[];
}

/** Options of one attempt. */
export interface GroupBatchOptions {
  /** Whether a file that may become readable later is retried instead of being dead-lettered. */
  readonly mayWait: (file: StoredFile, code: DicomReadErrorCode) => boolean;
  /** When the batch was full or its period was over, by `performance.now()`. */
  readonly closedAt: number;
}

/** Makes one attempt to read and group a batch. Files that were not attempted are retried whatever `mayWait` says. */
export async function groupBatch(
  reader: HeaderReader,
  records: readonly ParsedRecord[],
  { mayWait, closedAt }: GroupBatchOptions,
): Promise<Grouping> {
  const files = records.filter((record) => record.kind === 'file');
  const headers = await reader.read(files);

  const poison: PoisonRecord[] = records.filter((record) => record.kind === 'poison');
  const missing: StoredFile[] = [];
  const unreadable: StoredFile[] = [];
  const timedOut: StoredFile[] = [];
  const failed = new Set<number>();
  const notAttempted: StoredFile[] = [];
  for (const failure of headers.failures) {
    failed.add(failure.index);
    const file = at(files, failure.index);
    if (failure.notAttempted === true) notAttempted.push(file);
    else if (isWorthWaiting(failure) && mayWait(file, failure.error.code)) {
      const { code } = failure.error;
      (code === 'file_missing' ? missing : code === 'read_timeout' ? timedOut : unreadable).push(file);
    } else poison.push({ kind: 'poison', source: file.source, error: failure.error });
  }

  const states = rowsByFile(headers.states, files);
  const images = rowsByFile(headers.images, files);
  const grouped: GroupedRecord[] = [];
  files.forEach((file, i) => {
    if (!failed.has(i)) grouped.push({ file, object: file.object, state: states[i] ?? null, image: images[i] ?? null });
  });
  const origins = records.map((record) => record.source.origin);
  let complete: Promise<readonly GroupedRecord[]> | undefined;
  const withAllRows = () => {
    complete ??= readAlone(reader, grouped);
    return complete;
  };
  const held = new Set([missing, unreadable, timedOut, notAttempted].flat().map((file) => file.source.origin));
  const settled = held.size === 0 ? origins : origins.filter((origin) => !held.has(origin));
  const batch = { origins: settled, grouped, withAllRows, poison, closedAt };
  return { batch, missing, unreadable, timedOut, notAttempted };
}

/** Reads each record's own rows. A record whose file can't be read any more keeps the rows that it has. */
function readAlone(reader: HeaderReader, grouped: readonly GroupedRecord[]): Promise<readonly GroupedRecord[]> {
  return Promise.all(
    grouped.map(async (record) => {
      if (record.state !== null && record.image !== null) return record;
      const { states, images } = await reader.read([record.file]);
      const [state] = rowsByFile(states, [record.file]);
      const [image] = rowsByFile(images, [record.file]);
      return { ...record, state: record.state ?? state ?? null, image: record.image ?? image ?? null };
    }),
  );
}

/** The rows by the index of their file. */
function rowsByFile(rows: readonly HeaderRow[], files: readonly StoredFile[]): (PublishedRow | undefined)[] {
  const byFile = new Array<PublishedRow | undefined>(files.length).fill(undefined);
  for (const { index, identity, key, json } of rows)
    byFile[index] = { identity, key, json, version: at(files, index).version };
  return byFile;
}

/** The file is missing or truncated, or the storage failed. A later attempt may succeed. */
const TEMPORARY: ReadonlySet<DicomReadErrorCode> = new Set([
  'file_missing',
  'file_unreadable',
  'truncated',
  'read_timeout',
  'read_failed',
]);

function isWorthWaiting({ error, incomplete }: HeaderFailure): boolean {
  return incomplete === true || TEMPORARY.has(error.code);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`the header reader answered for file ${index} of ${items.length}`);
  return item;
}
