/** What the servers contain after a run, and since when. Nothing here is asked of the service itself but its logs. */
import { readFileSync } from 'node:fs';
import { readTopic } from '../../../src/kafka/admin/read-topic.ts';
import type { Pipeline } from '../../../src/testing/pipeline.ts';
import { type Commit, readCommits } from './commit-log.ts';
import { type FaultDatabase, rowsSql, withSession } from './database.ts';
import type { InputHistory } from './input-history.ts';

/** One key in one place: since when (milliseconds since the epoch, by the server's clock), and how often. */
export interface Found {
  readonly since: number;
  readonly times: number;
}

export type Place = ReadonlyMap<string, Found>;

/** The tables of one database, by the keys trace_id, series_uid and sop_uid. */
export interface Tables {
  readonly objects: Place;
  readonly states: Place;
  readonly images: Place;
}

/** The tables are those of the first database. */
export interface Evidence extends Tables {
  /** The tables of the other databases. */
  readonly further?: readonly (Tables & { readonly database: string })[];
  readonly publishedStates: Place;
  readonly publishedImages: Place;
  /** By the key of the dead-lettered record. */
  readonly deadLetters: Place;
  /** Every log that the input topic has had: one, and one more each time the topic was deleted and created again. */
  readonly input: readonly InputLog[];
  /** Every commit that the broker ever accepted. */
  readonly commits: readonly Commit[];
  /** What the members logged, one text each. */
  readonly logs: readonly string[];
}

/** One log of the input topic: the broker gives it a topic id, offsets begin at 0. */
export interface InputLog {
  /** Commits before this time (milliseconds since the epoch) refer to this log; Infinity for the current one. */
  readonly until: number;
  readonly topicId?: string;
  readonly partitions: ReadonlyMap<number, InputPartition>;
}

export interface InputPartition {
  /** The first offset that still exists, and the offset after the last record. */
  readonly start: number;
  readonly end: number;
  /** Every record that the partition has ever contained, by offset; one that was sent twice is there twice. */
  readonly records: readonly { readonly offset: number; readonly key: string }[];
  /** Offsets that were not committed when their records were deleted. */
  readonly truncated: readonly Truncation[];
  /** Of a deleted topic: the committed offset just before the deletion. */
  readonly committedAtDeletion?: number;
}

/** Offsets from `from` up to, and without, `to`. */
export interface Truncation {
  readonly from: number;
  readonly to: number;
  /** Whether the group had a committed offset. A group without one begins at the log start, wherever that is. */
  readonly hadOffset: boolean;
}

/** With `committedOnly` topics are read as a reader of committed records sees them. */
export async function gather(
  pipeline: Pipeline,
  databases: readonly FaultDatabase[],
  history: InputHistory,
  logs: readonly string[],
  { committedOnly }: { readonly committedOnly: boolean },
): Promise<Evidence> {
  const tables = await Promise.all(
    databases.map(async (database) => ({ database: database.name, ...(await tablesOf(database)) })),
  );
  const [first, ...others] = tables;
  if (first === undefined) throw new Error('a run needs a database');
  const { topics, brokers, group } = pipeline;
  const topic = (name: string, field?: string) => published(brokers, name, committedOnly, field);
  return {
    ...first,
    further: others,
    publishedStates: await topic(topics.state, 'series_uid'),
    publishedImages: await topic(topics.image, 'sop_uid'),
    deadLetters: await topic(topics.deadLetter),
    input: await history.logs(),
    commits: await readCommits(brokers, group, topics.input),
    logs: logs.map((log) => readFileSync(log, 'utf8')),
  };
}

function tablesOf(database: FaultDatabase): Promise<Tables> {
  return withSession(database, async (run) => {
    const rows = async (table: string, column: string): Promise<Place> => {
      const found = await run(rowsSql(database.name, table, column));
      return new Map(found.map(([key, time]) => [String(key), { since: Number(time ?? 0), times: 1 }]));
    };
    return {
      objects: await rows('dicom_object_meta', 'trace_id'),
      states: await rows('dicom_state_meta', 'series_uid'),
      images: await rows('dicom_image_meta', 'sop_uid'),
    };
  });
}

/** When each key was first appended to a topic, and how often; by the record's key, or by a field of its value. */
async function published(brokers: string, topic: string, committedOnly: boolean, field?: string): Promise<Place> {
  const found = new Map<string, Found>();
  const config = {
    'bootstrap.servers': brokers,
    'isolation.level': committedOnly ? 'read_committed' : 'read_uncommitted',
  };
  for await (const record of readTopic(config, topic)) {
    const key = (field === undefined ? record.key?.toString() : fieldOf(record.value, field)) ?? '';
    const { since, times } = found.get(key) ?? { since: Number.POSITIVE_INFINITY, times: 0 };
    found.set(key, { since: Math.min(since, record.timestamp), times: times + 1 });
  }
  return found;
}

function fieldOf(value: Buffer | null, field: string): string {
  const parsed: Record<string, unknown> = JSON.parse(value?.toString() ?? '{}');
  return String(parsed[field]);
}
