/**
 * The system's error codes by what is at fault: the storage or the process, or possibly a single file.
 *
 * A single file can cause EIO (a bad sector, a damaged inode), ESTALE (its directory was replaced on the NFS server),
 * EUCLEAN and EBADMSG (damaged metadata). The same codes also come from a whole storage that fails. They are judged by the
 * other files of the root.
 */
const NOT_THE_FILE: ReadonlySet<string> = new Set([
  // FUSE: the daemon of the mount has ended, or the connection was aborted.
  'ENOTCONN',
  'ECONNABORTED',
  // Network file systems.
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'EPIPE',
  'ESHUTDOWN',
  'ETIMEDOUT',
  // NFS with Kerberos: the ticket has expired or was revoked.
  'EKEYEXPIRED',
  'EKEYREVOKED',
  // The process has no descriptor or memory left.
  'EMFILE',
  'ENFILE',
  'ENOMEM',
]);

/** Whether an error can't be the fault of a file, so that its record must wait until the storage works again. */
export function isNeverTheFile(systemCode: string | undefined): boolean {
  return systemCode !== undefined && NOT_THE_FILE.has(systemCode);
}
