import { firstValueFrom, type SchedulerLike, timer } from 'rxjs';
import type { DicomReadErrorCode } from '../errors.ts';
import type { HeaderBatch, HeaderFailure, HeaderReader, HeaderRow } from '../ports.ts';
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
  /** Their files are still being read (`HeaderFailure.unfinished`). No time counts until the next attempt. */
  readonly unfinished: readonly StoredFile[];
}

/** Options of one attempt. */
export interface GroupBatchOptions {
  /** Whether a file that may become readable later is retried instead of being dead-lettered. */
  readonly mayWait: (file: StoredFile, code: DicomReadErrorCode) => boolean;
  /** When the batch was full or its period was over, by `performance.now()`. */
  readonly closedAt: number;
  /** How long a file that was read before is tried again while the storage fails, in milliseconds; without a limit in an outage. */
  readonly fileWaitMs: number;
  readonly scheduler?: SchedulerLike | undefined;
}

/** Makes one attempt to read and group a batch. Files that were not attempted, or not to the end, are retried whatever `mayWait` says. */
export async function groupBatch(
  reader: HeaderReader,
  records: readonly ParsedRecord[],
  { mayWait, closedAt, fileWaitMs, scheduler }: GroupBatchOptions,
): Promise<Grouping> {
  const files = records.filter((record) => record.kind === 'file');
  const headers = await reader.read(files);

  const poison: PoisonRecord[] = records.filter((record) => record.kind === 'poison');
  const missing: StoredFile[] = [];
  const unreadable: StoredFile[] = [];
  const timedOut: StoredFile[] = [];
  const failed = new Set<number>();
  const notAttempted: StoredFile[] = [];
  const unfinished: StoredFile[] = [];
  for (const failure of headers.failures) {
    failed.add(failure.index);
    const file = at(files, failure.index);
    if (failure.notAttempted === true) notAttempted.push(file);
    else if (failure.unfinished === true) unfinished.push(file);
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
    complete ??= readAlone((file) => readAgain(reader, file, fileWaitMs, scheduler), grouped);
    return complete;
  };
  const held = new Set(
    [missing, unreadable, timedOut, notAttempted, unfinished].flat().map((file) => file.source.origin),
  );
  const settled = held.size === 0 ? origins : origins.filter((origin) => !held.has(origin));
  const batch = { origins: settled, grouped, withAllRows, poison, closedAt };
  return { batch, missing, unreadable, timedOut, notAttempted, unfinished };
}

/** Reads each record's own rows. A record whose file can't be read any more keeps the rows that it has. */
function readAlone(
  read: (file: StoredFile) => Promise<HeaderBatch>,
  grouped: readonly GroupedRecord[],
): Promise<readonly GroupedRecord[]> {
  return Promise.all(
    grouped.map(async (record) => {
      if (record.state !== null && record.image !== null) return record;
      const { states, images } = await read(record.file);
      const [state] = rowsByFile(states, [record.file]);
      const [image] = rowsByFile(images, [record.file]);
      return { ...record, state: record.state ?? state ?? null, image: record.image ?? image ?? null };
    }),
  );
}

const READ_AGAIN_MS = 1_000;

/** Reads a file that was read before. Waits while its storage is at fault: otherwise its rows would be missing for good. */
async function readAgain(
  reader: HeaderReader,
  file: StoredFile,
  fileWaitMs: number,
  scheduler: SchedulerLike | undefined,
): Promise<HeaderBatch> {
  for (let waitedMs = 0; ; waitedMs += READ_AGAIN_MS) {
    const headers = await reader.read([file]);
    const [failure] = headers.failures;
    if (failure === undefined || !isStorageAtFault(failure, waitedMs < fileWaitMs)) return headers;
    await firstValueFrom(timer(READ_AGAIN_MS, scheduler));
  }
}

function isStorageAtFault({ notAttempted, error: { code } }: HeaderFailure, hasTimeLeft: boolean): boolean {
  return notAttempted === true || (hasTimeLeft && (code === 'read_timeout' || code === 'read_failed'));
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
