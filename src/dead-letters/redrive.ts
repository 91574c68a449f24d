import { createHash } from 'node:crypto';
import { createAdmin } from '../kafka/admin/admin.ts';
import { alterGroupOffsets } from '../kafka/admin/alter-group-offsets.ts';
import { readTopic } from '../kafka/admin/read-topic.ts';
import type { NativeConfig, PartitionOffset } from '../kafka/client/client.ts';
import type { Producer, ProducerRecord } from '../kafka/producer/producer.ts';
import type { RecordHeader } from '../records/records.ts';
import { type DeadLetter, originalHeaders, REDRIVES_HEADER, readDeadLetter } from './read-dead-letter.ts';

export interface RedriveOptions {
  readonly topic: string;
  /** Where records go whose headers don't say where they came from. */
  readonly fallbackTopic: string;
  /** Text that the error's name or message must contain; default: any. */
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

/** So many are sent again at most when a redrive was killed between their acknowledgement and the commit of its progress. */
const CHUNK = 500;

/** Whether `--filter TEXT` picks a dead letter. */
export function matches({ exception, message }: DeadLetter, filter: string | undefined): boolean {
  return filter === undefined || message.includes(filter) || exception.includes(filter);
}

/**
 * Sends dead letters back to where they came from, byte for byte, error headers taken off. At least once: progress is kept in Kafka under
 * a group of its own, per filter, and after an interruption the same command goes on behind the last chunk that was acknowledged.
 * `config` connects to the cluster of the dead-letter topic, `producer` to that of the topic they came from.
 */
export async function redrive(
  config: NativeConfig,
  producer: Producer,
  options: RedriveOptions,
  onProgress: (progress: RedriveProgress) => void,
): Promise<RedriveProgress> {
  const group = progressGroup(options);
  const span = await spanOf(config, group, options);
  const total = [...span.to].reduce(
    (sum, [partition, end]) => sum + Math.max(0, end - (span.from.get(partition) ?? 0)),
    0,
  );
  const progress: RedriveProgress = { seen: 0, redriven: 0, filtered: 0, capped: 0, total };
  if (options.limit === 0) return progress;

  let chunk: ProducerRecord[] = [];
  const reached = new Map<number, number>();
  const finishChunk = async () => {
    if (!options.dryRun) {
      await producer.send(chunk);
      await alterGroupOffsets(config, group, progressMade(options.topic, span, reached));
    }
    chunk = [];
    reached.clear();
  };

  for await (const record of readTopic(config, options.topic, span)) {
    const letter = readDeadLetter(record);
    progress.seen++;
    if (!matches(letter, options.filter)) progress.filtered++;
    else if (letter.redrives >= options.maxRedrives) progress.capped++;
    else {
      chunk.push(revived(letter, options.fallbackTopic));
      progress.redriven++;
    }
    reached.set(record.partition, record.offset + 1);
    if (chunk.length >= CHUNK || progress.redriven === options.limit) await finishChunk();
    if (progress.redriven === options.limit) break;
    if (progress.seen % CHUNK === 0) onProgress(progress);
  }
  await finishChunk();
  onProgress(progress);
  return progress;
}

/** The record as it was before it failed, with one more redrive on its count. */
function revived({ record, origin, redrives }: DeadLetter, fallbackTopic: string): ProducerRecord {
  const count: RecordHeader = [REDRIVES_HEADER, Buffer.from(String(redrives + 1))];
  return {
    topic: origin?.topic ?? fallbackTopic,
    key: record.key,
    value: record.value,
    headers: [...originalHeaders(record), count],
  };
}

function progressGroup({ topic, filter = '' }: RedriveOptions): string {
  return `wado-redrive-${createHash('sha256').update(`${topic}\0${filter}`).digest('hex').slice(0, 12)}`;
}

/** What a redrive goes through, per partition. */
interface Span {
  readonly from: ReadonlyMap<number, number>;
  readonly to: ReadonlyMap<number, number>;
  /** Up to where earlier redrives came. */
  readonly done: ReadonlyMap<number, number>;
}

async function spanOf(config: NativeConfig, group: string, { topic, from, to }: RedriveOptions): Promise<Span> {
  const admin = createAdmin(config);
  try {
    const begins = await admin.beginOffsets(topic);
    const done = byPartition(begins);
    for (const { partition, offset } of await admin.committedOffsets(group, topic)) {
      done.set(partition, Math.max(offset, done.get(partition) ?? 0));
    }
    const ends = byPartition(await admin.endOffsets(topic));
    return {
      from:
        from === undefined ? done : new Map(begins.map(({ partition, offset }) => [partition, Math.max(offset, from)])),
      to: new Map([...ends].map(([partition, end]) => [partition, Math.min(end, to ?? end)])),
      done,
    };
  } finally {
    admin.close();
  }
}

/** Progress says "all below has been looked at": it never goes back, and never over a gap that `--from` left. */
function progressMade(topic: string, { from, done }: Span, reached: ReadonlyMap<number, number>): PartitionOffset[] {
  return [...reached].flatMap(([partition, offset]) => {
    const before = done.get(partition) ?? 0;
    return offset > before && (from.get(partition) ?? 0) <= before ? [{ topic, partition, offset }] : [];
  });
}

function byPartition(offsets: readonly PartitionOffset[]): Map<number, number> {
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
}
