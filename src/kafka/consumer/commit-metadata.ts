/**
 * The metadata that the source commits with each offset: a JSON object with these fields (docs/topics.md, "Commit metadata").
 * `v`: the version of this format, 1. `topic`: the id of the topic that the offset belongs to. `first`: the number of partitions that
 * the topic had when the group first consumed it. `done`: the offsets above the committed one that are done (done-ranges.ts), in base64;
 * absent when there are none. Readers ignore unknown fields, so fields may be added without a new version.
 */
import { type DoneRanges, decodeRanges, encodeRanges } from './done-ranges.ts';

const VERSION = 1;
/** What brokers accept by default (`offset.metadata.max.bytes`), without the NUL byte that the client appends. */
export const METADATA_BYTES = 4_095;

/** Identifies the log that offsets belong to. */
export interface LogIdentity {
  readonly topicId: string;
  /** The number of partitions that the topic had when the group first consumed it. */
  readonly firstPartitions: number;
}

/** The decoded metadata of a committed offset. */
export interface CommitMetadata extends LogIdentity {
  /** The encoded `done`; see `doneRangesOf`. */
  readonly done?: string;
}

/** The metadata of one offset. */
export interface EncodedMetadata {
  /** The text that is committed. */
  readonly text: string;
  /** Every done offset below it is listed; Infinity when all are. */
  readonly listedTo: number;
}

/** Encodes the metadata of `offset`. Ranges that exceed `maxBytes` are left out from the far end. */
export function encodeMetadata(
  { topicId, firstPartitions }: LogIdentity,
  offset: number,
  done: DoneRanges = [],
  maxBytes = METADATA_BYTES,
): EncodedMetadata {
  const fields = { v: VERSION, topic: topicId, first: firstPartitions };
  const plain = JSON.stringify(fields);
  const room = maxBytes - JSON.stringify({ ...fields, done: '' }).length;
  const { bytes, listedTo } = encodeRanges(topicId, offset, done, Math.floor(room / 4) * 3);
  const text = bytes.length === 0 ? plain : JSON.stringify({ ...fields, done: bytes.toString('base64') });
  return { text, listedTo };
}

/** Undefined for metadata in any other form: none, another program's, or a newer version's. */
export function decodeMetadata(text: string | null | undefined): CommitMetadata | undefined {
  if (!text?.startsWith('{')) return undefined;
  try {
    const { v, topic, first, done }: { v?: unknown; topic?: unknown; first?: unknown; done?: unknown } =
      JSON.parse(text);
    if (v !== VERSION || typeof topic !== 'string' || typeof first !== 'number') return undefined;
    if (topic === '' || !Number.isSafeInteger(first) || first < 0) return undefined;
    return { topicId: topic, firstPartitions: first, ...(done === undefined ? {} : { done: String(done) }) };
  } catch {
    return undefined;
  }
}

/** The done offsets above the committed `offset`. Undefined when they are damaged, or were committed with another offset. */
export function doneRangesOf({ topicId, done }: CommitMetadata, offset: number): DoneRanges | undefined {
  if (done === undefined) return [];
  const bytes = Buffer.from(done, 'base64');
  return bytes.toString('base64') === done ? decodeRanges(topicId, offset, bytes) : undefined;
}
