/** The version of a record (docs/contract.md, "Which record wins") and the comparison that the whole service uses. */

/** Of two records with the same key, the greater version wins: in a batch, between batches and in the tables. */
export interface Version {
  /** The message's created_time with exactly six fraction digits: `YYYY-MM-DDTHH:MM:SS.ffffff`. Text order is time order. */
  readonly time: string;
  readonly traceId: string;
}

/**
 * Negative if `a` is older than `b`, zero if they are equal, positive if `a` is newer. Compares the times, then the UTF-8 bytes of the
 * trace ids, as `COLLATE "C"` does in the write statement. JavaScript's `<` compares UTF-16 units and puts U+1F600 before U+FF5E.
 */
export function compareVersions(a: Version, b: Version): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.traceId === b.traceId ? 0 : Buffer.compare(Buffer.from(a.traceId), Buffer.from(b.traceId));
}
