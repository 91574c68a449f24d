/** What is to be found outside the service after a run, and since when: gathered from the servers alone. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { readTopic } from '../../../src/kafka/admin/read-topic.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { type Commit, readCommits } from './commit-log.ts';

/** What stands under one key: since when (milliseconds since the epoch, by the server's own account), and how often. */
export interface Found {
  readonly since: number;
  readonly times: number;
}

export type Place = ReadonlyMap<string, Found>;

export interface Evidence {
  /** Keys: trace_id, series_uid and sop_uid; tables first, then topics. */
  readonly objects: Place;
  readonly states: Place;
  readonly images: Place;
  readonly publishedStates: Place;
  readonly publishedImages: Place;
  /** By the key of the record that is dead. */
  readonly deadLetters: Place;
  /** The input as the broker holds it, in the order of offsets: what a producer sent twice stands there twice. */
  readonly input: ReadonlyMap<number, readonly { readonly offset: number; readonly key: string }[]>;
  /** Every commit that the broker ever took. */
  readonly commits: readonly Commit[];
  /** What the members logged, one text each. */
  readonly logs: readonly string[];
}

/** With `committedOnly` topics are read as a reader of committed records sees them. */
export async function gather(
  pipeline: Pipeline,
  logs: readonly string[],
  { committedOnly }: { readonly committedOnly: boolean },
): Promise<Evidence> {
  const client = new pg.Client(pipeline.dsn);
  await client.connect();
  const rows = async (table: string, column: string): Promise<Place> => {
    const text = `select ${column}, floor(extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000) from ${table}`;
    const result = await client.query<[string, string | null]>({ text, rowMode: 'array' });
    return new Map(result.rows.map(([key, time]) => [key, { since: Number(time ?? 0), times: 1 }]));
  };
  const { topics, brokers, group } = pipeline;
  const topic = (name: string, field?: string) => published(brokers, name, committedOnly, field);
  try {
    return {
      objects: await rows('dicom_object_meta', 'trace_id'),
      states: await rows('dicom_state_meta', 'series_uid'),
      images: await rows('dicom_image_meta', 'sop_uid'),
      publishedStates: await topic(topics.state, 'series_uid'),
      publishedImages: await topic(topics.image, 'sop_uid'),
      deadLetters: await topic(topics.deadLetter),
      input: await inputOf(pipeline),
      commits: await readCommits(brokers, group, topics.input),
      logs: logs.map((log) => readFileSync(log, 'utf8')),
    };
  } finally {
    await client.end();
  }
}

/** When each key first came to stand in a topic, and how often it does; by the record's key, or by a field of its value. */
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

async function inputOf({ brokers, topics }: Pipeline): Promise<Evidence['input']> {
  const partitions = new Map<number, { offset: number; key: string }[]>();
  for await (const { partition, offset, key } of readTopic({ 'bootstrap.servers': brokers }, topics.input)) {
    const list = partitions.get(partition) ?? [];
    partitions.set(partition, list);
    list.push({ offset, key: key?.toString() ?? '' });
  }
  return partitions;
}
