/** What is to be found outside the service after a run, and since when; and what the promises say of it. */
import pg from 'pg';
import { readTopic } from '../../../src/kafka/read-topic.ts';
import type { LoadRecord } from '../../../src/testing/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { readCommits } from './commit-log.ts';

/** Since when each thing is durable: milliseconds since the epoch, by the server's own account. */
interface Evidence {
  readonly objects: ReadonlyMap<string, number>;
  readonly images: ReadonlyMap<string, number>;
  readonly publishedStates: ReadonlyMap<string, number>;
  readonly publishedImages: ReadonlyMap<string, number>;
  readonly deadLetters: ReadonlyMap<string, number>;
}

async function gather(pipeline: Pipeline): Promise<Evidence> {
  const client = new pg.Client(pipeline.dsn);
  await client.connect();
  const times = async (table: string, column: string) => {
    const text = `select ${column}, floor(extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000) from ${table}`;
    const { rows } = await client.query<[string, string | null]>({ text, rowMode: 'array' });
    return new Map(rows.map(([key, time]) => [key, Number(time ?? 0)]));
  };
  try {
    return {
      objects: await times('dicom_object_meta', 'trace_id'),
      images: await times('dicom_image_meta', 'sop_uid'),
      publishedStates: await published(pipeline, pipeline.topics.state, 'series_uid'),
      publishedImages: await published(pipeline, pipeline.topics.image, 'sop_uid'),
      deadLetters: await published(pipeline, pipeline.topics.deadLetter),
    };
  } finally {
    await client.end();
  }
}

/** When each key first came to stand in a topic; by the record's key, or by a field of its value. */
async function published(pipeline: Pipeline, topic: string, field?: string): Promise<ReadonlyMap<string, number>> {
  const first = new Map<string, number>();
  for await (const record of readTopic({ 'bootstrap.servers': pipeline.brokers }, topic)) {
    const key = field === undefined ? record.key?.toString() : fieldOf(record.value, field);
    first.set(key ?? '', Math.min(first.get(key ?? '') ?? Number.POSITIVE_INFINITY, record.timestamp));
  }
  return first;
}

function fieldOf(value: Buffer | null, field: string): string {
  const parsed: Record<string, unknown> = JSON.parse(value?.toString() ?? '{}');
  return String(parsed[field]);
}

/**
 * Promises 3 and 4, for every commit that the broker has ever taken: none is beyond what was durable everywhere at that moment, and none
 * goes back. Returns sentences; none when both hold.
 */
export async function commitProblems(pipeline: Pipeline, load: readonly LoadRecord[]): Promise<readonly string[]> {
  const evidence = await gather(pipeline);
  const expected = new Map(load.map((record) => [record.key, record.expected]));
  const durableSince = (key: string): number => {
    const keys = expected.get(key);
    const times =
      keys === undefined
        ? [evidence.deadLetters.get(key)]
        : [
            evidence.objects.get(keys.traceId),
            evidence.images.get(keys.instance),
            evidence.publishedImages.get(keys.instance),
            evidence.publishedStates.get(keys.series),
          ];
    return Math.max(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  };
  const partitions = new Map<number, { offset: number; key: string }[]>();
  for await (const record of readTopic({ 'bootstrap.servers': pipeline.brokers }, pipeline.topics.input)) {
    const { partition, offset, key } = record;
    const list = partitions.get(partition) ?? [];
    partitions.set(partition, list);
    list.push({ offset, key: key?.toString() ?? '' });
  }

  const problems: string[] = [];
  const last = new Map<number, number>();
  const commits = await readCommits(pipeline.brokers, pipeline.group, pipeline.topics.input);
  if (commits.length === 0) problems.push('the broker knows of no commit at all');
  for (const { partition, offset, time } of commits) {
    const before = last.get(partition) ?? 0;
    if (offset < before) problems.push(`partition ${partition}: the commit went back from ${before} to ${offset}`);
    last.set(partition, offset);
    for (const record of partitions.get(partition) ?? []) {
      if (record.offset >= offset) break;
      if (record.offset < before) continue;
      const since = durableSince(record.key);
      if (since > time)
        problems.push(
          `partition ${partition}: ${offset} was committed ${since === Number.POSITIVE_INFINITY ? 'though' : `${since - time} ms before`} ` +
            `record ${record.offset} (${record.key}) was ${since === Number.POSITIVE_INFINITY ? 'never' : ''} durable everywhere`,
        );
    }
  }
  return problems;
}

/** Promise 1: what is missing or too much at the end, by name and number. */
export async function endProblems(pipeline: Pipeline, load: readonly LoadRecord[]): Promise<readonly string[]> {
  const evidence = await gather(pipeline);
  const good = load.flatMap((record) => (record.expected === undefined ? [] : [record.expected]));
  const series = new Set(good.map((keys) => keys.series));
  const instances = new Set(good.map((keys) => keys.instance));
  const poison = new Set(load.filter((record) => record.expected === undefined).map((record) => record.key));
  return [
    ...differences('dicom_object_meta', new Set(good.map((keys) => keys.traceId)), evidence.objects),
    ...differences('dicom_image_meta', instances, evidence.images),
    ...differences('the state topic', series, evidence.publishedStates),
    ...differences('the image topic', instances, evidence.publishedImages),
    ...differences('the dead letters', poison, evidence.deadLetters),
  ];
}

function differences(where: string, wanted: ReadonlySet<string>, found: ReadonlyMap<string, unknown>): string[] {
  const missing = [...wanted].filter((key) => !found.has(key));
  const extra = [...found.keys()].filter((key) => !wanted.has(key));
  return [
    ...(missing.length === 0 ? [] : [`${where}: ${missing.length} of ${wanted.size} missing, e.g. ${missing[0]}`]),
    ...(extra.length === 0 ? [] : [`${where}: ${extra.length} that were never sent, e.g. ${extra[0]}`]),
  ];
}
