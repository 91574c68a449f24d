import type { HeaderReader } from '../../ports.ts';
import { createHeaderPool, type HeaderPoolOptions } from './pool.ts';

/** Where files are read from. `storageRoots` are absolute paths; every other field has the default of the configuration. */
export type FileReaderOptions = Pick<HeaderPoolOptions, 'storageRoots'> &
  Partial<Pick<HeaderPoolOptions, 'workers' | 'readTimeoutMs' | 'missingIdentity'>>;

/**
 * Reads the headers of DICOM files in worker threads: 2 at most, unless `workers` says otherwise. A file outside of `storageRoots` fails
 * with `outside_storage_roots`. `close` ends the threads.
 */
export function createFileReader(options: FileReaderOptions): HeaderReader {
  return createHeaderPool({ workers: 2, readTimeoutMs: 10_000, ...options });
}
