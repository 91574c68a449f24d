/** What `offsets show` prints and what `offsets reset` commits, without the command line. */
import type { KafkaAdmin } from '../kafka/admin/admin.ts';
import type { PartitionOffset } from '../kafka/client/client.ts';
import type { DoneRanges } from '../kafka/consumer/done-ranges.ts';
import { isRealDate } from '../records/calendar.ts';

/** The offsets of one partition: the first record, the committed offset (null: none), the offset after the last record. */
export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly begin: number;
  readonly committed: number | null;
  readonly end: number;
  /** The offsets above the committed one that the group has processed: first and last + 1 of each range, alternating. */
  readonly done: DoneRanges;
}

/** Offsets between the committed one and the last processed one that the group has not processed. */
export interface Gap {
  readonly first: number;
  readonly last: number;
  /**
   * `deleted`: retention has deleted the records. `open`: a member still processes them, or they wait for their files. `left`: no process
   * is in the group; the next one consumes them.
   */
  readonly why: 'deleted' | 'open' | 'left';
}

/** The gaps of a partition. `isActive`: whether the group has members. */
export function gapsOf({ begin, committed, done }: GroupOffset, isActive: boolean): readonly Gap[] {
  if (committed === null) return [];
  return done.flatMap((to, i) => {
    if (i % 2 === 1) return [];
    const first = i === 0 ? committed : (done[i - 1] ?? committed);
    const why = to <= begin ? 'deleted' : isActive ? 'open' : 'left';
    return [{ first, last: to - 1, why } as const];
  });
}

export type OffsetQueries = Pick<KafkaAdmin, 'beginOffsets' | 'endOffsets' | 'commits' | 'offsetsAt'>;

/** The offsets of every partition of a topic; empty when the topic doesn't exist. */
export async function groupOffsets(
  admin: OffsetQueries,
  group: string,
  topic: string,
): Promise<readonly GroupOffset[]> {
  const begins = byPartition(await admin.beginOffsets(topic));
  if (begins.size === 0) return [];
  const commits = new Map((await admin.commits(group, topic)).map((each) => [each.partition, each]));
  return (await admin.endOffsets(topic)).map(({ partition, offset: end }) => ({
    topic,
    partition,
    begin: begins.get(partition) ?? 0,
    committed: commits.get(partition)?.offset ?? null,
    end,
    done: commits.get(partition)?.done ?? [],
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
    const next = nextOffset(each);
    replayed += Math.max(0, next - offset) + doneWithin(each, Math.max(next, offset), end);
    skipped += Math.max(0, offset - next) - doneWithin(each, next, offset);
  }
  return { offsets, replayed, skipped };
}

/** The number of offsets from `from` to before `to` that the group has processed above the committed one. */
function doneWithin({ done }: GroupOffset, from: number, to: number): number {
  let sum = 0;
  for (let i = 0; i < done.length; i += 2)
    sum += Math.max(0, Math.min(to, done[i + 1] ?? 0) - Math.max(from, done[i] ?? 0));
  return sum;
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
