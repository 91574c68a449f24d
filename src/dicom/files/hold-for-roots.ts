import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import type { HeaderBatch, HeaderFailure, HeaderReader } from '../../ports.ts';
import type { FileToRead } from '../../records/records.ts';
import type { Outcome } from './root-outcomes.ts';
import { isNeverTheFile } from './storage-errors.ts';
import type { StorageOutages } from './storage-outages.ts';

/** What an error says about the file's root. Other errors are faults of the file, if its root could be used. */
const OUTCOMES: Partial<Readonly<Record<DicomReadErrorCode, Outcome>>> = {
  file_missing: 'missing',
  file_unreadable: 'missing',
  read_failed: 'failing',
  read_timeout: 'failing',
};

/** What the wrapper needs of the roots' state. */
export type Outages = Pick<StorageOutages, 'any' | 'isUnusable' | 'wasUsable' | 'mayTry' | 'add' | 'update'>;

/** Settings of the wrapper. */
export interface HoldOptions {
  /** Whether missing files may mean that their root is lost; if not, they only show that it answers. Default true. */
  readonly judgeMissing?: boolean;
}

/**
 * Marks failed files as not attempted when their storage root is at fault: they are retried without a time limit until the
 * root can be used again, instead of being dead-lettered. Reports every attempt to `outages`. Most files that failed below
 * an unusable root are not tried again before it works.
 *
 * A fault of the file itself is final only after another check of its root: below a lost mount, the path may lead elsewhere
 * or to another file.
 */
export function holdForRoots(
  reader: HeaderReader,
  outages: Outages,
  { judgeMissing = true }: HoldOptions = {},
): HeaderReader {
  const isHeld = (failure: HeaderFailure, file: FileToRead) =>
    OUTCOMES[failure.error.code] !== undefined && (isNeverTheFile(failure.systemCode) || outages.isUnusable(file.path));

  return {
    async read(files) {
      const wanted = outages.any ? files.flatMap((file, index) => (outages.mayTry(file) ? [index] : [])) : undefined;
      const startedAt = performance.now();
      const headers = await readSome(reader, files, wanted);
      const isRead = headers.failures.length === 0;
      const found = isRead ? headers.failures : await holdDoubtful(files, headers.failures, outages, startedAt);
      reportOutcomes(files, found, outages, judgeMissing);
      if (found.length === 0) return headers;
      const failures = found.map((failure) => {
        const file = files[failure.index];
        return file !== undefined && isHeld(failure, file) ? { ...failure, notAttempted: true } : failure;
      });
      return { ...headers, failures };
    },
    stillMissing: reader.stillMissing && ((paths) => missingBelowUsable(reader, paths, outages)),
    rootOf: reader.rootOf?.bind(reader),
    close: () => reader.close(),
  };
}

/** Marks files with a fault of their own as not attempted if their root could not be used since `startedAt`. */
function holdDoubtful(
  files: readonly FileToRead[],
  failures: readonly HeaderFailure[],
  outages: Outages,
  startedAt: number,
): Promise<readonly HeaderFailure[]> {
  return Promise.all(
    failures.map(async (failure) => {
      const file = files[failure.index];
      const isOwnFault = OUTCOMES[failure.error.code] === undefined;
      if (file === undefined || !isOwnFault || failure.notAttempted === true) return failure;
      return (await outages.wasUsable(file.path, startedAt)) ? failure : { ...failure, notAttempted: true };
    }),
  );
}

/** Files below an unusable root are not looked up: `read` decides which of them to try. */
async function missingBelowUsable(
  reader: HeaderReader,
  paths: readonly string[],
  outages: Outages,
): Promise<readonly (boolean | undefined)[]> {
  const usable = outages.any ? paths.filter((file) => !outages.isUnusable(file)) : paths;
  const found = (await reader.stillMissing?.(usable)) ?? [];
  if (usable.length === paths.length && !outages.any) return found;
  const answers = new Map(usable.map((file, at) => [file, found[at]]));
  return paths.map((file) => (outages.isUnusable(file) ? undefined : answers.get(file)));
}

/** Reads the files with the indexes `wanted` [all]; the others are not attempted. */
async function readSome(
  reader: HeaderReader,
  files: readonly FileToRead[],
  wanted: readonly number[] | undefined,
): Promise<HeaderBatch> {
  if (wanted === undefined || wanted.length === files.length) return await reader.read(files);
  const tried = new Set(wanted);
  const error = new DicomReadError('read_timeout');
  const skipped = files.flatMap((_, index) => (tried.has(index) ? [] : [{ index, error, notAttempted: true }]));
  if (wanted.length === 0) return { states: [], images: [], failures: skipped };
  const { states, images, failures } = await reader.read(wanted.flatMap((index) => files[index] ?? []));
  const inFiles = <T extends { readonly index: number }>(each: T): T => ({ ...each, index: wanted[each.index] ?? 0 });
  return {
    states: states.map(inFiles),
    images: images.map(inFiles),
    failures: [...failures.map(inFiles), ...skipped],
  };
}

function reportOutcomes(
  files: readonly FileToRead[],
  failures: readonly HeaderFailure[],
  outages: Outages,
  judgeMissing: boolean,
): void {
  const failed = new Map(failures.map((failure) => [failure.index, failure]));
  files.forEach((file, index) => {
    const failure = failed.get(index);
    if (failure === undefined) outages.add(file, 'found');
    else if (
      failure.notAttempted !== true &&
      failure.unfinished !== true &&
      failure.error.code !== 'outside_storage_roots'
    ) {
      const outcome = OUTCOMES[failure.error.code] ?? 'found';
      // A missing file that may have been deleted still shows that the storage answers, which ends an outage that began with errors.
      const counted = outcome === 'missing' && !judgeMissing ? 'found' : outcome;
      outages.add(file, counted, failure.systemCode ?? failure.error.code);
    }
  });
  outages.update();
}
