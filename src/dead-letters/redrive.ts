import { createHash } from 'node:crypto';
import { createAdmin } from '../kafka/admin/admin.ts';
import { alterGroupOffsets } from '../kafka/admin/alter-group-offsets.ts';
import { readTopic } from '../kafka/admin/read-topic.ts';
import type { NativeConfig, PartitionOffset } from '../kafka/client/client.ts';
import type { Producer } from '../kafka/producer/producer.ts';
import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import type { RecordHeader } from '../records/records.ts';
import { REDRIVES_HEADER } from './format.ts';
import { type DeadLetter, matches, originalHeaders, readDeadLetter } from './read-dead-letter.ts';

/** What to redrive. */
export interface RedriveOptions {
  readonly topic: string;
  /** The topic for records whose headers don't name their original topic. */
  readonly fallbackTopic: string;
  /** Text that the error's code, message or name must contain. Default: any. */
  readonly filter?: string;
  /** The maximum number of records to redrive. */
  readonly limit?: number;
  /** The first offset in every partition. With it, earlier progress is ignored. */
  readonly from?: number;
  /** The offset to stop before, in every partition. */
  readonly to?: number;
  /** Records that were redriven this many times are skipped. */
  readonly maxRedrives: number;
  readonly dryRun: boolean;
}

/** Counts of a redrive so far. */
export interface RedriveProgress {
  /** Dead letters read. */
  seen: number;
  /** Sent to their original topic, or would be without `dryRun`. */
  redriven: number;
  /** Did not match the filter. */
  filtered: number;
  /** Skipped because they were already redriven `maxRedrives` times. */
  capped: number;
  /** Dead letters to read, counted at the start. */
  readonly total: number;
}

/** Records per commit of the progress. At most this number is sent twice after a kill. */
const CHUNK = 500;

/**
 * Sends dead letters to their original topic, unchanged but without the error headers. Delivery is at least once. The
 * progress is stored in Kafka as the committed offsets of one group per filter, so after an interruption the same command
 * continues after the last committed chunk. `config` connects to the cluster of the dead-letter topic, `producer` to that
 * of the original topic. Rejects with a SourceError or a SinkError.
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

/** The offsets that a redrive reads, per partition. */
interface Span {
  readonly from: ReadonlyMap<number, number>;
  readonly to: ReadonlyMap<number, number>;
  /** The progress of earlier redrives: all lower offsets are done. */
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

/** The offsets to commit. All lower offsets were read: progress never moves backwards or over a gap that `--from` left. */
function progressMade(topic: string, { from, done }: Span, reached: ReadonlyMap<number, number>): PartitionOffset[] {
  return [...reached].flatMap(([partition, offset]) => {
    const before = done.get(partition) ?? 0;
    return offset > before && (from.get(partition) ?? 0) <= before ? [{ topic, partition, offset }] : [];
  });
}

function byPartition(offsets: readonly PartitionOffset[]): Map<number, number> {
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
}
