/** What `offsets show` prints and what `offsets reset` commits, without the command line. */
import type { KafkaAdmin } from '../kafka/admin/admin.ts';
import type { PartitionOffset } from '../kafka/client/client.ts';
import { isRealDate } from '../records/calendar.ts';

/** The offsets of one partition: the first record, the committed offset (null: none), the offset after the last record. */
export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly begin: number;
  readonly committed: number | null;
  readonly end: number;
}

export type OffsetQueries = Pick<KafkaAdmin, 'beginOffsets' | 'endOffsets' | 'committedOffsets' | 'offsetsAt'>;

/** The offsets of every partition of a topic; empty when the topic doesn't exist. */
export async function groupOffsets(
  admin: OffsetQueries,
  group: string,
  topic: string,
): Promise<readonly GroupOffset[]> {
  const begins = byPartition(await admin.beginOffsets(topic));
  if (begins.size === 0) return [];
  const committed = byPartition(await admin.committedOffsets(group, topic));
  return (await admin.endOffsets(topic)).map(({ partition, offset: end }) => ({
    topic,
    partition,
    begin: begins.get(partition) ?? 0,
    committed: committed.get(partition) ?? null,
    end,
  }));
}

/** The offset that the group consumes next. A committed offset may lie before the log's start: retention deletes records. */
export function nextOffset({ begin, committed, end }: GroupOffset): number {
  return Math.min(end, Math.max(begin, committed ?? begin));
}

export function lagOf(offset: GroupOffset): number {
  return offset.end - nextOffset(offset);
}

export interface ResetPlan {
  /** The offsets to commit, each within its partition's log. */
  readonly offsets: readonly PartitionOffset[];
  /** How many records the group consumes a second time. */
  readonly replayed: number;
  /** How many records that the group has not consumed it skips. */
  readonly skipped: number;
}

/** Plans a reset of `current` to the `wanted` offsets. A partition without one is reset to its beginning. */
export function planReset(current: readonly GroupOffset[], wanted: readonly PartitionOffset[]): ResetPlan {
  const targets = new Map(wanted.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
  const offsets: PartitionOffset[] = [];
  let replayed = 0;
  let skipped = 0;
  for (const each of current) {
    const { topic, partition, begin, end } = each;
    const offset = Math.min(end, Math.max(begin, targets.get(`${topic}/${partition}`) ?? begin));
    offsets.push({ topic, partition, offset });
    replayed += Math.max(0, nextOffset(each) - offset);
    skipped += Math.max(0, offset - nextOffset(each));
  }
  return { offsets, replayed, skipped };
}

export type ResetTarget = (admin: OffsetQueries, topic: string) => Promise<readonly PartitionOffset[]>;

/** Parses `earliest`, `latest`, an offset, or a time with a zone. Undefined for anything else. */
export function parseResetTarget(to: string): ResetTarget | undefined {
  if (to === 'earliest') return (admin, topic) => admin.beginOffsets(topic);
  if (to === 'latest') return (admin, topic) => admin.endOffsets(topic);
  if (/^\d+$/.test(to))
    return async (admin, topic) => (await admin.endOffsets(topic)).map((each) => ({ ...each, offset: Number(to) }));
  const time = parseTime(to);
  return Number.isNaN(time) ? undefined : (admin, topic) => admin.offsetsAt(topic, time);
}

// A time without a zone would mean another moment on another machine.
const TIME = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since the epoch, or NaN. `Date.parse` alone reads February 31st as March 3rd. */
function parseTime(text: string): number {
  const [, year, month, day] = TIME.exec(text) ?? [];
  return isRealDate(Number(year), Number(month), Number(day)) ? Date.parse(text) : Number.NaN;
}

function byPartition(offsets: readonly PartitionOffset[]): ReadonlyMap<number, number> {
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
}
