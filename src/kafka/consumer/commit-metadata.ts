/**
 * The metadata that the source commits with each offset: a JSON object with these fields.
 * `v`: the version of this format, 1. `topic`: the id of the topic that the offset belongs to. `first`: the number of partitions that
 * the topic had when the group first consumed it. Readers ignore unknown fields, so fields may be added without a new version.
 * Brokers accept 4,096 bytes (`offset.metadata.max.bytes`).
 */
const VERSION = 1;

/** The decoded metadata of a committed offset. */
export interface CommitMetadata {
  readonly topicId: string;
  /** The number of partitions that the topic had when the group first consumed it. */
  readonly firstPartitions: number;
}

/** The metadata as the text that is committed. */
export function encodeMetadata({ topicId, firstPartitions }: CommitMetadata): string {
  return JSON.stringify({ v: VERSION, topic: topicId, first: firstPartitions });
}

/** Undefined for metadata in any other form: none, another program's, or a newer version's. */
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
