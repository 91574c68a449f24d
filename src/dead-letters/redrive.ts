import { createHash } from 'node:crypto';
import { createAdmin } from '../kafka/admin.ts';
import type { NativeConfig, PartitionOffset } from '../kafka/client.ts';
import { commitAsOutsider } from '../kafka/commit-as-outsider.ts';
import type { Producer, ProducerRecord } from '../kafka/producer.ts';
import { readTopic } from '../kafka/read-topic.ts';
import type { RecordHeader } from '../records/records.ts';
import { type DeadLetter, REDRIVES_HEADER, readDeadLetter } from './dead-letter.ts';

export interface RedriveOptions {
  readonly topic: string;
  /** Where records go whose headers don't say where they came from. */
  readonly fallbackTopic: string;
  /** Text that the error's message must contain; default: any. */
  readonly filter?: string;
  /** Redrive so many at most. */
  readonly limit?: number;
  /** First offset and the offset to stop before, in every partition. `from` given, earlier progress is not looked at. */
  readonly from?: number;
  readonly to?: number;
  /** Records that were redriven so often stay where they are. */
  readonly maxRedrives: number;
  readonly dryRun: boolean;
}

export interface RedriveProgress {
  /** Looked at. */
  seen: number;
  /** Sent back, or would be with `dryRun`. */
  redriven: number;
  /** Didn't match the filter. */
  filtered: number;
  /** Had been redriven too often. */
  capped: number;
  /** Of how many, when it began. */
  readonly total: number;
}

const CHUNK = 500;

/**
 * Sends dead letters back to where they came from, byte for byte, error headers taken off. Progress is kept in Kafka under a group of its
 * own, per filter: after an interruption the same command goes on behind the last chunk that was acknowledged.
 */
export async function redrive(
  config: NativeConfig,
  producer: Producer,
  options: RedriveOptions,
  onProgress: (progress: RedriveProgress) => void,
): Promise<RedriveProgress> {
  const group = progressGroup(options);
  const from = await startOffsets(config, group, options);
  const to = await stopOffsets(config, options);
  const total = [...to].reduce((sum, [partition, end]) => sum + Math.max(0, end - (from.get(partition) ?? 0)), 0);
  const progress: RedriveProgress = { seen: 0, redriven: 0, filtered: 0, capped: 0, total };

  let chunk: ProducerRecord[] = [];
  const reached = new Map<number, PartitionOffset>();
  const finishChunk = async () => {
    if (!options.dryRun) {
      await producer.send(chunk);
      await commitAsOutsider(config, group, [...reached.values()]);
    }
    chunk = [];
    reached.clear();
    onProgress(progress);
  };

  for await (const record of readTopic(config, options.topic, { from, to })) {
    const letter = readDeadLetter(record);
    progress.seen++;
    if (options.filter !== undefined && !letter.message.includes(options.filter)) progress.filtered++;
    else if (letter.redrives >= options.maxRedrives) progress.capped++;
    else {
      chunk.push(revived(letter, options.fallbackTopic));
      progress.redriven++;
    }
    reached.set(record.partition, { topic: record.topic, partition: record.partition, offset: record.offset + 1 });
    if (chunk.length >= CHUNK || progress.redriven === options.limit) await finishChunk();
    if (progress.redriven === options.limit) return progress;
  }
  await finishChunk();
  return progress;
}

/** The record as it was before it failed, with one more redrive on its count. */
function revived({ record, origin, redrives }: DeadLetter, fallbackTopic: string): ProducerRecord {
  const headers = record.headers.filter(([name]) => !name.startsWith('__streams.errors.') && name !== REDRIVES_HEADER);
  const count: RecordHeader = [REDRIVES_HEADER, Buffer.from(String(redrives + 1))];
  return { topic: origin?.topic ?? fallbackTopic, key: record.key, value: record.value, headers: [...headers, count] };
}

function progressGroup({ topic, filter = '' }: RedriveOptions): string {
  return `wado-redrive-${createHash('sha256').update(`${topic}\0${filter}`).digest('hex').slice(0, 12)}`;
}

async function startOffsets(
  config: NativeConfig,
  group: string,
  options: RedriveOptions,
): Promise<Map<number, number>> {
  const admin = createAdmin(config);
  try {
    const offsets = new Map(
      (await admin.beginOffsets(options.topic)).map(({ partition, offset }) => [partition, offset]),
    );
    if (options.from !== undefined) {
      for (const [partition, offset] of offsets) offsets.set(partition, Math.max(offset, options.from));
      return offsets;
    }
    for (const { partition, offset } of await admin.committedOffsets(group, options.topic)) {
      offsets.set(partition, Math.max(offset, offsets.get(partition) ?? 0));
    }
    return offsets;
  } finally {
    admin.close();
  }
}

async function stopOffsets(config: NativeConfig, { topic, to }: RedriveOptions): Promise<Map<number, number>> {
  const admin = createAdmin(config);
  try {
    const ends = await admin.endOffsets(topic);
    return new Map(ends.map(({ partition, offset }) => [partition, Math.min(offset, to ?? offset)]));
  } finally {
    admin.close();
  }
}
