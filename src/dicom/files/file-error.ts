/** Maps file system error codes to the codes of DicomReadError. */
import { DicomReadError, type DicomReadErrorCode, systemCode } from '../../errors.ts';

const CODES: Readonly<Record<string, DicomReadErrorCode>> = {
  ENOENT: 'file_missing',
  ENOTDIR: 'file_missing',
  EACCES: 'file_unreadable',
  EPERM: 'file_unreadable',
  // A symbolic link (O_NOFOLLOW), a directory, a socket, a FIFO, a device without a driver.
  ELOOP: 'not_a_regular_file',
  EISDIR: 'not_a_regular_file',
  ENXIO: 'not_a_regular_file',
  ENODEV: 'not_a_regular_file',
  ESPIPE: 'not_a_regular_file',
  // No file under the roots can have this name.
  ENAMETOOLONG: 'outside_storage_roots',
  ERR_INVALID_ARG_VALUE: 'outside_storage_roots',
};

/**
 * Converts any file system error to a DicomReadError. The cause is dropped because its message quotes the path. Any
 * other error is a bug and is rethrown.
 */
export function toReadError(error: unknown): DicomReadError {
  return error instanceof DicomReadError ? error : new DicomReadError(readFailure(error).code);
}

/** The fields of `toReadError` without creating an error: capturing its stack costs more than the failed call. */
export function readFailure(error: unknown): Pick<DicomReadError, 'code' | 'attribute'> {
  if (error instanceof DicomReadError) return error;
  const code = systemCode(error);
  if (code === undefined) throw error;
  return { code: CODES[code] ?? 'read_failed', attribute: undefined };
}
