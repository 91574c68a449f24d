/**
 * Every commit of a group with its time, read from the broker's `__consumer_offsets`: sampling the committed offset would miss some.
 * Formats: Kafka's OffsetCommitKey.json (versions 0, 1) and OffsetCommitValue.json (3, 4).
 */
import { readTopic } from '../../../src/kafka/admin/read-topic.ts';
import { decodeMetadata, doneRangesOf } from '../../../src/kafka/consumer/commit-metadata.ts';

export interface Commit {
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: number;
  /** When the broker accepted it; milliseconds since the epoch. */
  readonly time: number;
  /** The id of the topic whose log the offset belongs to, from the commit's metadata. */
  readonly topicId?: string;
  /** The offsets above `offset` that its metadata lists as done: first and last + 1 of each range, alternating. */
  readonly done?: readonly number[];
}

const TOPIC = '__consumer_offsets';
const PARTITIONS = 10;

/** Every commit of the group for the topic, in the order of the broker's log. */
export async function readCommits(brokers: string, group: string, topic: string): Promise<readonly Commit[]> {
  const commits: Commit[] = [];
  const options = { partition: partitionOf(group) };
  // Offsets of a transaction count once it is committed.
  const config = { 'bootstrap.servers': brokers, 'isolation.level': 'read_committed' };
  for await (const { key, value } of readTopic(config, TOPIC, options)) {
    if (key === null || value === null) continue;
    const of = readKey(key);
    if (of?.group === group && of.topic === topic) commits.push({ partition: of.partition, ...readValue(value) });
  }
  return commits;
}

/** Math.abs of Java's String.hashCode: how Kafka chooses the partition of a group. */
function partitionOf(group: string): number {
  let hash = 0;
  for (let i = 0; i < group.length; i++) hash = (Math.imul(hash, 31) + group.charCodeAt(i)) | 0;
  return Math.abs(hash) % PARTITIONS;
}

function readKey(key: Buffer): { group: string; topic: string; partition: number } | undefined {
  // Versions above 1 are the group's own metadata.
  if (key.readInt16BE(0) > 1) return undefined;
  const group = readString(key, 2);
  const topic = readString(key, group.next);
  return { group: group.text, topic: topic.text, partition: key.readInt32BE(topic.next) };
}

function readValue(value: Buffer): Omit<Commit, 'partition'> {
  const version = value.readInt16BE(0);
  const offset = Number(value.readBigInt64BE(2));
  // Then come the leader's epoch, the metadata and the time.
  if (version !== 3 && version !== 4) throw new Error(`OffsetCommitValue version ${version} is unknown`);
  const { text, next } = version === 3 ? readString(value, 14) : readCompactString(value, 14);
  // The client appends a NUL byte.
  const metadata = decodeMetadata(text.replace(/\0$/, ''));
  const time = Number(value.readBigInt64BE(next));
  if (text === '') return { offset, time };
  if (metadata === undefined) throw new Error(`the metadata that was committed with offset ${offset} can't be decoded`);
  const done = doneRangesOf(metadata, offset);
  if (done === undefined) throw new Error(`the metadata that was committed with offset ${offset} is damaged`);
  return { offset, time, topicId: metadata.topicId, done };
}

function readString(from: Buffer, at: number): { text: string; next: number } {
  const length = Math.max(0, from.readInt16BE(at));
  return { text: from.toString('utf8', at + 2, at + 2 + length), next: at + 2 + length };
}

/** A compact string begins with its length plus one, as a varint. */
function readCompactString(from: Buffer, at: number): { text: string; next: number } {
  let length = 0;
  for (let i = 0; ; i++) {
    const byte = from.readUInt8(at + i);
    length |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    const first = at + i + 1;
    const next = first + Math.max(0, length - 1);
    return { text: from.toString('utf8', first, next), next };
  }
}
