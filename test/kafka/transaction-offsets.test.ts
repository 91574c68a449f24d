import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommitEncoder } from '../../src/kafka/consumer/commit-encoder.ts';
import { decodeMetadata, doneRangesOf } from '../../src/kafka/consumer/commit-metadata.ts';
import { KafkaOrigin } from '../../src/kafka/consumer/origin.ts';
import { TransactionOffsets } from '../../src/kafka/consumer/transaction-offsets.ts';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const LOG = { topicId: 'JEOtr6ldS7W9BlsRwOCikw', firstPartitions: 1 };

/** A member that starts at a committed offset. `refusals`: how often the broker has refused the size of its metadata. */
function member(committed: { offset: number; metadata?: string }, refusals = 0, log: typeof LOG | null = LOG) {
  const { offset } = committed;
  const metadata = decodeMetadata(committed.metadata);
  const done = metadata === undefined ? [] : (doneRangesOf(metadata, offset) ?? []);
  const tracker = new WatermarkTracker();
  tracker.assign([{ topic: 't', partition: 0, offset, done, ...(log === null ? {} : { log }) }]);
  const encoder = new CommitEncoder();
  for (let i = 0; i < refusals; i++) encoder.refused();
  const offsets = new TransactionOffsets(tracker, encoder);
  const emit = (at: number) => {
    const assignment = tracker.track({ topic: 't', partition: 0, offset: at });
    return typeof assignment === 'object'
      ? new KafkaOrigin({ topic: 't', partition: 0, offset: at }, assignment)
      : undefined;
  };
  return { tracker, offsets, emit };
}

const emitted = (emit: (at: number) => KafkaOrigin | undefined, count: number) =>
  Array.from({ length: count }, (_, at) => emit(at)).flatMap((origin) => origin ?? []);

describe("a transaction's offsets", () => {
  it('are the watermark and the done offsets above it, as if its records were acknowledged', () => {
    const { tracker, offsets, emit } = member({ offset: 0 });
    const all = emitted(emit, 10);
    tracker.ack(all.slice(2, 4));
    const [commit] = offsets.of([...all.slice(0, 1), ...all.slice(6, 8)]) ?? [];
    expect(commit?.offset).toBe(1);
    const metadata = decodeMetadata(commit?.metadata);
    expect(metadata && doneRangesOf(metadata, 1)).toEqual([2, 4, 6, 8]);
    // Nothing is acknowledged by asking.
    expect(tracker.unacked).toBe(8);
  });

  it('do not exist for records whose partition was revoked or assigned again, which are not admitted', () => {
    const { tracker, offsets, emit } = member({ offset: 0 });
    const [record] = emitted(emit, 1);
    if (record === undefined) throw new Error('nothing was emitted');
    expect(offsets.admit([record]).now).toEqual(new Set([record]));
    tracker.assign([{ topic: 't', partition: 0, offset: 0, log: LOG }]);
    emitted(emit, 1);
    expect(offsets.of([record])).toBeUndefined();
    expect(offsets.admit([record])).toEqual({ now: new Set(), later: new Set() });
  });

  it.each([
    ['the broker accepts no metadata', 5, LOG],
    ['the brokers have no topic ids', 0, null],
  ] as const)('admit records in their order only while %s', (_, refusals, log) => {
    const { tracker, offsets, emit } = member({ offset: 0 }, refusals, log);
    const all = emitted(emit, 5);
    const [first, second, third, , fifth] = all;
    if (!first || !second || !third || !fifth) throw new Error('nothing was emitted');
    expect(offsets.admit([second, fifth])).toEqual({ now: new Set(), later: new Set([second, fifth]) });
    expect(offsets.admit([fifth, second, first])).toEqual({ now: new Set([first, second]), later: new Set([fifth]) });
    tracker.ack([first, second]);
    expect(offsets.admit([third]).now).toEqual(new Set([third]));
  });

  it('list less after a refusal of their size, also when nobody listens', () => {
    const { offsets, emit } = member({ offset: 0 });
    const [first, second, third] = emitted(emit, 3);
    if (!first || !second || !third) throw new Error('nothing was emitted');
    expect(offsets.admit([third]).now).toEqual(new Set([third]));
    for (let refusals = 0; refusals < 5; refusals++) offsets.refused();
    expect(offsets.admit([third])).toEqual({ now: new Set(), later: new Set([third]) });
    expect(offsets.admit([first, second, third]).now.size).toBe(3);
  });

  it('report the records that wait for room in the metadata', () => {
    const tracker = new WatermarkTracker();
    tracker.assign([{ topic: 't', partition: 0, offset: 0 }]);
    const unlisted: number[] = [];
    const offsets = new TransactionOffsets(tracker, new CommitEncoder(), {
      unlisted: (_, count) => unlisted.push(count),
    });
    const [first, second, third] = [0, 1, 2].map((offset) => {
      tracker.track({ topic: 't', partition: 0, offset });
      return new KafkaOrigin({ topic: 't', partition: 0, offset });
    });
    if (!first || !second || !third) throw new Error('nothing was emitted');
    offsets.admit([second, third]);
    offsets.admit([first, third]);
    offsets.admit([first, second, third]);
    expect(unlisted).toEqual([2, 1, 0]);
  });

  it('let no record be published twice, through any order, kills and sizes, and all of them be published', () => {
    const RECORDS = 1_500;
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 60 }), seed: fc.nat() }) },
      { weight: 1, arbitrary: fc.constantFrom('kill', 'abort') },
    );
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 0, max: 5 }),
        (steps, refusals) => {
          const published = new Set<number>();
          let committed: { offset: number; metadata?: string } = { offset: 0 };
          let now = member(committed, refusals);
          let open: KafkaOrigin[] = [];
          let position = 0;
          const restart = () => {
            now = member(committed, refusals);
            open = [];
            position = committed.offset;
          };
          const deliver = () => {
            for (; open.length < 600 && position < RECORDS; position++) {
              const origin = now.emit(position);
              // What is skipped was published, what is emitted was not.
              expect(published.has(position)).toBe(origin === undefined);
              if (origin !== undefined) open.push(origin);
            }
          };
          const transact = (wanted: readonly KafkaOrigin[], aborts: boolean) => {
            const { now: ready, later } = now.offsets.admit(wanted);
            expect(ready.size + later.size).toBe(wanted.length);
            const records = wanted.filter((origin) => ready.has(origin));
            if (records.length === 0) return 0;
            const commits = now.offsets.of(records);
            expect(commits).toHaveLength(1);
            if (aborts) return 0;
            for (const { offset } of records) {
              expect(published.has(offset)).toBe(false);
              published.add(offset);
            }
            committed = commits?.[0] ?? committed;
            now.tracker.ack(records);
            open = open.filter((origin) => !ready.has(origin));
            return records.length;
          };
          deliver();
          let aborts = false;
          for (const each of steps) {
            if (each === 'kill') restart();
            else if (each === 'abort') aborts = true;
            else {
              transact(
                open.filter((_, i) => (i * 31 + each.seed) % 64 < each.take),
                aborts,
              );
              aborts = false;
            }
            deliver();
          }
          while (published.size < RECORDS) {
            // Everything that is open always fits.
            expect(transact(open, false)).toBeGreaterThan(0);
            deliver();
          }
          expect(committed.offset).toBe(RECORDS);
        },
      ),
      { numRuns: 25 },
    );
  });
});
