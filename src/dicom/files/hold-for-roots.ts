import type { DicomReadErrorCode } from '../../errors.ts';
import type { HeaderFailure, HeaderReader } from '../../ports.ts';
import type { StorageRootWatch } from './storage-root-watch.ts';

/** The errors for files below a directory that is missing, denied or failing. */
const OUTAGE_CODES: ReadonlySet<DicomReadErrorCode> = new Set([
  'file_missing',
  'file_unreadable',
  'read_failed',
  'read_timeout',
]);

/**
 * Marks failed files below an unusable storage root as not attempted: they are retried without a time limit until the
 * root can be used again, instead of being dead-lettered as missing.
 */
export function holdForRoots(reader: HeaderReader, roots: Pick<StorageRootWatch, 'isUnusable'>): HeaderReader {
  return {
    async read(files) {
      const headers = await reader.read(files);
      if (headers.failures.length === 0) return headers;
      const held = (failure: HeaderFailure): HeaderFailure => {
        const outage = OUTAGE_CODES.has(failure.error.code) && roots.isUnusable(files[failure.index]?.path ?? '');
        return outage ? { ...failure, notAttempted: true } : failure;
      };
      return { ...headers, failures: headers.failures.map(held) };
    },
    close: () => reader.close(),
  };
}
