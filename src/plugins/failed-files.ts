/** The files of the batches that Redpanda Connect sends again. */
import type { StoredFile } from '../records/records.ts';
import type { Version } from '../records/version.ts';
import { StoreOrigin } from './store-origin.ts';

/** Entries of a few hundred bytes. */
const MOST = 5_000;
const NO_BYTES = Buffer.alloc(0);

/**
 * Gives a record the same file object in each attempt to store it. A sink identifies records by this object: with a new one, a record that
 * it refuses again would count as another refused record, and many of these as a database that refuses everything.
 */
export class FailedFiles {
  readonly #files = new Map<string, StoredFile>();

  /**
   * The file of a version. `nth` distinguishes the records of a batch that have the same version. The file is forgotten until `attempted`, so
   * that two batches in flight never share it.
   */
  take(version: Version, nth: number): StoredFile {
    const name = nameOf(version, nth);
    const known = this.#files.get(name);
    this.#files.delete(name);
    return known ?? newFile(version);
  }

  /** Remembers the files that were not stored. The oldest are forgotten when there are too many. */
  attempted(files: readonly StoredFile[], failed: ReadonlySet<StoredFile>): void {
    const seen = new Map<string, number>();
    for (const file of files) {
      const nth = seen.get(nameOf(file.version, 0)) ?? 0;
      seen.set(nameOf(file.version, 0), nth + 1);
      const name = nameOf(file.version, nth);
      if (failed.has(file)) this.#files.set(name, file);
    }
    for (const name of this.#files.keys()) {
      if (this.#files.size <= MOST) return;
      this.#files.delete(name);
    }
  }
}

function nameOf({ time, traceId }: Version, nth: number): string {
  return `${time} ${nth} ${traceId}`;
}

/** A sink only compares it: the rows to store are those of its record. */
function newFile(version: Version): StoredFile {
  const source = { origin: new StoreOrigin(), key: null, value: null, headers: [] };
  const object = { identity: version.traceId, version, json: NO_BYTES };
  return { kind: 'file', source, tenantId: '', path: '', size: 0, patientId: '', studyDate: '', version, object };
}
