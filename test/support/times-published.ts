import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import type { Pipeline } from '../../src/testing/pipeline.ts';

/** How often each output is there for a reader of committed records: by a field of its value, or by the record's key. */
export async function timesPublished(
  pipeline: Pipeline,
  topic: string,
  field?: string,
): Promise<ReadonlyMap<string, number>> {
  const times = await publishedAt(pipeline, topic, field);
  return new Map([...times].map(([key, each]) => [key, each.length]));
}

/** The timestamps of each output for a reader of committed records, in milliseconds since the epoch, the earliest first. */
export async function publishedAt(
  pipeline: Pipeline,
  topic: string,
  field?: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = new Map<string, number[]>();
  const config = { 'bootstrap.servers': pipeline.brokers, 'isolation.level': 'read_committed' };
  for await (const record of readTopic(config, topic)) {
    const value: Record<string, unknown> = field === undefined ? {} : JSON.parse(record.value?.toString() ?? '{}');
    const key = field === undefined ? (record.key?.toString() ?? '') : String(value[field]);
    times.set(
      key,
      [...(times.get(key) ?? []), record.timestamp].sort((a, b) => a - b),
    );
  }
  return times;
}

/**
 * What a reader of committed records sees more than once, in sentences, in both output topics and among the dead letters. A state record
 * is one per series and batch: the load must have one image a series.
 */
export async function repetitions(pipeline: Pipeline): Promise<readonly string[]> {
  const { state, image, deadLetter } = pipeline.topics;
  const all = [
    await timesPublished(pipeline, state, 'series_uid'),
    await timesPublished(pipeline, image, 'sop_uid'),
    await timesPublished(pipeline, deadLetter),
  ];
  return all.flatMap((times, i) =>
    [...times]
      .filter(([, n]) => n !== 1)
      .map(([key, n]) => `${['state', 'image', 'dead letter'][i]} ${key}: ${n} times`),
  );
}
