/**
 * What the source commits beside each offset, as the commit's metadata: a JSON object. Its names:
 * `v` (the version of this format, 1), `topic` (the id of the topic whose log the offset belongs to), `first` (the number of partitions
 * that the topic had when the group first started in it). Readers ignore names they don't know, so names may be added under the same
 * version. Brokers accept 4,096 bytes (`offset.metadata.max.bytes`).
 */
const VERSION = 1;

export interface CommitMetadata {
  readonly topicId: string;
  readonly firstPartitions: number;
}

export function encodeMetadata({ topicId, firstPartitions }: CommitMetadata): string {
  return JSON.stringify({ v: VERSION, topic: topicId, first: firstPartitions });
}

/** Undefined for metadata that isn't ours: another program's, a reset's, or a newer version's. */
export function decodeMetadata(text: string | null | undefined): CommitMetadata | undefined {
  if (!text?.startsWith('{')) return undefined;
  try {
    const { v, topic, first }: { v?: unknown; topic?: unknown; first?: unknown } = JSON.parse(text);
    if (v !== VERSION || typeof topic !== 'string' || typeof first !== 'number') return undefined;
    if (topic === '' || !Number.isSafeInteger(first) || first < 0) return undefined;
    return { topicId: topic, firstPartitions: first };
  } catch {
    return undefined;
  }
}
