import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommitEncoder } from '../../src/kafka/consumer/commit-encoder.ts';
import { Intake } from '../../src/kafka/consumer/intake.ts';
import { KafkaOrigin } from '../../src/kafka/consumer/origin.ts';
import { TrackedWaiting } from '../../src/kafka/consumer/tracked-waiting.ts';
import { TransactionOffsets } from '../../src/kafka/consumer/transaction-offsets.ts';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';
import type { ConsumedRecord } from '../../src/records/records.ts';

const LOG = { topicId: 'JEOtr6ldS7W9BlsRwOCikw', firstPartitions: 1 };
/** The smallest metadata with a list: room for some hundred gaps. */
const METADATA_BYTES = 256;
const DUE_AT_ONCE = 100;

interface Held {
  readonly record: ConsumedRecord;
  readonly dueAt: number;
}

/** A consumer with transactions, in rounds: poll, resume, commit what the metadata has room for. */
class Consumer {
  readonly #limit: number;
  readonly #tracker = new WatermarkTracker();
  readonly #offsets: TransactionOffsets;
  readonly #intake: Intake;
  readonly #waiting: TrackedWaiting;
  readonly #next: number[];
  #held: Held[] = [];
  #uncommitted: ConsumedRecord[] = [];
  round = 0;
  /** The most records in flight beyond the limit. */
  mostBeyond = 0;

  constructor(limit: number, partitions: number) {
    this.#limit = limit;
    this.#next = new Array<number>(partitions).fill(0);
    this.#tracker.assign(this.#next.map((offset, partition) => ({ topic: 't', partition, offset, log: LOG })));
    const encoder = new CommitEncoder();
    encoder.sends([{ topic: 't', partition: 0, offset: 0, metadata: 'x'.repeat(2 * METADATA_BYTES) }]);
    encoder.refused();
    this.#offsets = new TransactionOffsets(this.#tracker, encoder);
    this.#intake = new Intake(this.#tracker, { checkpointLimit: limit });
    this.#waiting = new TrackedWaiting(this.#tracker, this.#intake, 'transaction');
  }

  get unacked(): number {
    return this.#tracker.unacked;
  }

  /** Returns whether anything was polled, resumed or committed, or will be due. */
  step(records: number, waitsFor: (partition: number, offset: number) => number): boolean {
    this.round++;
    const polled = this.#poll(records, waitsFor);
    const resumed = this.#resume();
    this.mostBeyond = Math.max(this.mostBeyond, this.#tracker.inFlight - this.#limit);
    const before = this.#tracker.unacked;
    const { now } = this.#offsets.admit(this.#uncommitted.map(({ origin }) => origin));
    const committed = this.#uncommitted.filter(({ origin }) => now.has(origin));
    this.#uncommitted = this.#uncommitted.filter(({ origin }) => !now.has(origin));
    this.#tracker.ack(committed.map(({ origin }) => origin as KafkaOrigin));
    return polled || resumed || this.#tracker.unacked < before || this.#held.some(({ dueAt }) => dueAt > this.round);
  }

  #poll(records: number, waitsFor: (partition: number, offset: number) => number): boolean {
    let polled = false;
    for (let room = this.#intake.room; room > 0; room--) {
      const partition = this.#next.indexOf(Math.min(...this.#next));
      const offset = this.#next[partition] ?? 0;
      if (offset >= records) break;
      this.#next[partition] = offset + 1;
      const assignment = this.#tracker.track({ topic: 't', partition, offset });
      if (typeof assignment !== 'object') throw new Error('not assigned');
      const origin = new KafkaOrigin({ topic: 't', partition, offset }, assignment);
      const record: ConsumedRecord = { origin, key: null, value: null, headers: [] };
      const rounds = waitsFor(partition, offset);
      polled = true;
      if (rounds === 0) {
        this.#uncommitted.push(record);
        continue;
      }
      this.#waiting.waits([record], 'file_wait');
      this.#held.push({ record, dueAt: this.round + rounds });
    }
    return polled;
  }

  #resume(): boolean {
    const due = this.#held.filter(({ dueAt }) => dueAt <= this.round).sort((a, b) => a.dueAt - b.dueAt);
    const free = this.#waiting.resumable(Math.min(due.length, DUE_AT_ONCE));
    const isUrgent = this.#waiting.urgent?.() ?? (() => false);
    const resumed = new Set(free > 0 ? due.slice(0, free) : due.filter(({ record }) => isUrgent(record)));
    const records = [...resumed].map(({ record }) => record);
    this.#held = this.#held.filter((each) => !resumed.has(each));
    this.#waiting.resumes(records);
    this.#uncommitted.push(...records);
    return resumed.size > 0;
  }
}

describe('records that wait', () => {
  it('are urgent only where a transaction commits: otherwise nothing waits for them', () => {
    const tracker = new WatermarkTracker();
    const intake = new Intake(tracker, { checkpointLimit: 1 });
    expect(new TrackedWaiting(tracker, intake, 'source').urgent).toBeUndefined();
    expect(new TrackedWaiting(tracker, intake, 'transaction').urgent).toBeDefined();
  });
});

describe('records that wait while the rest cannot be committed before them', () => {
  it('are resumed, so that all records are committed in the end', () => {
    fc.assert(
      fc.property(
        fc.record({
          limit: fc.integer({ min: 1, max: 60 }),
          partitions: fc.integer({ min: 1, max: 3 }),
          every: fc.integer({ min: 2, max: 8 }),
          // Some files arrive soon, others after many rounds.
          late: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 7 }),
        }),
        ({ limit, partitions, every, late }) => {
          const consumer = new Consumer(limit, partitions);
          const waitsFor = (partition: number, offset: number) =>
            (offset * 7 + partition) % every === 0 ? (late[offset % late.length] ?? 1) : 0;
          let rounds = 0;
          while (consumer.step(2_000, waitsFor) && rounds < 20_000) rounds++;
          expect(consumer.unacked).toBe(0);
          expect(consumer.mostBeyond).toBeLessThanOrEqual(Math.max(1, limit / 2) + partitions);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are resumed where they close gaps, also while the oldest one still waits', () => {
    const consumer = new Consumer(60, 1);
    const waitsFor = (_: number, offset: number) => (offset === 0 ? 1_000 : offset % 4 === 0 ? 60 : 0);
    for (let round = 0; round < 900; round++) consumer.step(2_000, waitsFor);
    expect(consumer.unacked).toBe(1);
  });

  it('exceed checkpoint_limit by half of it at most where they close gaps, however many are due at once', () => {
    const consumer = new Consumer(60, 1);
    const waitsFor = (_: number, offset: number) => (offset % 4 === 0 ? 400 - consumer.round : 0);
    for (let round = 0; round < 700; round++) consumer.step(2_000, waitsFor);
    expect(consumer.unacked).toBe(0);
    expect(consumer.mostBeyond).toBeGreaterThan(5);
    expect(consumer.mostBeyond).toBeLessThanOrEqual(31);
  });

  it('are resumed if they are the oldest, also when those that split a row of waiting ones take all the room', () => {
    const consumer = new Consumer(20, 1);
    const waitsFor = (_: number, offset: number) => {
      if (offset >= 300 && offset < 600) return (offset % 3 === 1 ? 300 : 600) - consumer.round;
      return offset % 4 === 0 ? 600 - consumer.round : 0;
    };
    for (let round = 0; round < 1_500; round++) consumer.step(2_500, waitsFor);
    expect(consumer.unacked).toBe(0);
  });

  it('close a gap below what an earlier assignment has done, too', () => {
    const tracker = new WatermarkTracker();
    tracker.assign([{ topic: 't', partition: 0, offset: 0, log: LOG, done: [10, 20] }]);
    for (let offset = 0; offset < 25; offset++) tracker.track({ topic: 't', partition: 0, offset });
    const gaps = [0, 5, 9, 21].map((offset) => tracker.gapAt({ topic: 't', partition: 0, offset }));
    expect(gaps).toEqual(['oldest', 'closable', 'closable', undefined]);
    tracker.ack([{ topic: 't', partition: 0, offset: 22 }]);
    expect(tracker.gapAt({ topic: 't', partition: 0, offset: 21 })).toBe('closable');
    expect(tracker.gapAt({ topic: 't', partition: 0, offset: 23 })).toBeUndefined();
  });
});
