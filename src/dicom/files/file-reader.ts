import type { HeaderReader, MissingIdentity } from '../../ports.ts';
import { createHeaderPool } from './pool.ts';

/** Where files are read from, and how. */
export interface FileReaderOptions {
  /** Absolute paths of the directories that files may be read from. */
  readonly storageRoots: readonly string[];
  /** Maximum number of threads. Default 2. */
  readonly workers?: number;
  /** A thread is replaced when the storage answers none of its calls for this long, in milliseconds. Default 10,000. */
  readonly readTimeoutMs?: number;
  /** How a file without PatientID or StudyDate is handled. Default `use_message`. */
  readonly missingIdentity?: MissingIdentity;
}

/**
 * Reads the headers of DICOM files in worker threads: 2 at most, unless `workers` says otherwise. A file outside of `storageRoots` fails
 * with `outside_storage_roots`. `close` ends the threads.
 */
export function createFileReader(options: FileReaderOptions): HeaderReader {
  return createHeaderPool({ workers: 2, readTimeoutMs: 10_000, ...options });
}
