import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairTurns } from '../../src/kafka/consumer/fair-turns.ts';

const POLL_MS = 20;

/** A client that reads only the first partition with records that isn't paused, as librdkafka does with large batches. */
class Client {
  readonly turns = new FairTurns();
  readonly positions: number[];
  readonly #ends: readonly number[];
  readsAll: boolean;
  #now = 0;
  paused: readonly number[] = [];

  constructor(ends: readonly number[], readsAll = false) {
    this.#ends = ends;
    this.readsAll = readsAll;
    this.positions = ends.map(() => 0);
  }

  get ends(): ReadonlyMap<string, number> {
    return new Map(this.#ends.map((end, partition) => [`t/${partition}`, end]));
  }

  /** Polls for this time. `unreadable` partitions have records, but no broker delivers them. */
  run(ms: number, { unreadable = [] as readonly number[], ends = this.ends } = {}): void {
    for (const until = this.#now + ms; this.#now < until; this.#now += POLL_MS) {
      const readable = this.#ends.flatMap((end, partition) =>
        (this.positions[partition] ?? 0) < end && !this.paused.includes(partition) && !unreadable.includes(partition)
          ? partition
          : [],
      );
      const read = this.readsAll ? readable : readable.slice(0, 1);
      for (const partition of read) this.positions[partition] = (this.positions[partition] ?? 0) + 1;
      this.paused = this.turns
        .pausedAt(
          this.#now,
          this.positions.map((offset, partition) => ({ topic: 't', partition, offset })),
          ends,
        )
        .map(({ partition }) => partition);
    }
  }
}

describe('the turns of the partitions', () => {
  it('let each partition of a backlog be read, whatever the number of partitions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), (partitions) => {
        const client = new Client(Array.from({ length: partitions }, () => 1e9));
        client.run((partitions + 4) * 1_000);
        // Nearly a second of polls.
        expect(Math.min(...client.positions)).toBeGreaterThan(40);
      }),
      { numRuns: 30 },
    );
  });

  it('pause nothing while all partitions are read', () => {
    const client = new Client([1e9, 1e9, 1e9], true);
    for (let i = 0; i < 500; i++) {
      client.run(POLL_MS);
      expect(client.paused).toEqual([]);
    }
  });

  it('pause nothing any more when all partitions are read again', () => {
    const client = new Client(Array.from({ length: 5 }, () => 1e9));
    client.run(4_000);
    expect(client.paused).toHaveLength(4);
    client.readsAll = true;
    client.run(5_000);
    for (let i = 0; i < 500; i++) {
      client.run(POLL_MS);
      expect(client.paused).toEqual([]);
    }
  });

  it('give a partition that gets many records at once two seconds first, like any other', () => {
    const client = new Client([1e9, 1e9]);
    const atEnd = new Map([
      ['t/0', 1e9],
      ['t/1', 0],
    ]);
    client.run(10_000, { ends: atEnd });
    for (let i = 0; i < 95; i++) {
      client.run(POLL_MS);
      expect(client.paused).toEqual([]);
    }
    client.run(10 * POLL_MS);
    expect(client.paused).toEqual([0]);
  });

  it('pause nothing for a partition that is read to its end, or whose end no broker says', () => {
    for (const ends of [new Client([1e9, 0]).ends, new Map([['t/0', 1e9]])]) {
      const client = new Client([1e9, ends.get('t/1') ?? 1e9]);
      for (let i = 0; i < 500; i++) {
        client.run(POLL_MS, { ends });
        expect(client.paused).toEqual([]);
      }
    }
  });

  it('pause nothing while no partition is read', () => {
    const client = new Client([1e9, 1e9]);
    for (let i = 0; i < 500; i++) {
      client.run(POLL_MS, { unreadable: [0, 1] });
      expect(client.paused).toEqual([]);
    }
  });

  it('give a partition that cannot be read less and less of the time', () => {
    const client = new Client([1e9, 1e9]);
    client.run(3_600_000, { unreadable: [1] });
    expect(client.positions[0]).toBeGreaterThan(0.99 * (3_600_000 / POLL_MS));
    client.run(1_200_000);
    expect(client.positions[1]).toBeGreaterThan(40);
  });

  it('end before the partition is read to its end, where the broker would hold its fetch', () => {
    const client = new Client([1e9, 30_020]);
    client.positions[1] = 20;
    client.run(2_000 + 5 * POLL_MS);
    expect(client.paused).toEqual([0]);
    client.positions[1] = 20_021;
    client.run(2 * POLL_MS);
    expect(client.paused).toEqual([]);
  });

  it('are not given to a partition with fewer records than a turn may read', () => {
    const client = new Client([1e9, 29_999]);
    for (let i = 0; i < 500; i++) {
      client.run(POLL_MS);
      expect(client.paused).toEqual([]);
    }
  });

  it('do not count the time in which nothing was polled', () => {
    const turns = new FairTurns();
    const at = (now: number, offset: number) =>
      turns.pausedAt(
        now,
        [
          { topic: 't', partition: 0, offset },
          { topic: 't', partition: 1, offset: 0 },
        ],
        new Map([
          ['t/0', 1e9],
          ['t/1', 1e9],
        ]),
      );
    at(0, 1);
    for (let now = 100; now < 1_900; now += 100) expect(at(now, now)).toEqual([]);
    for (let now = 9_000; now < 10_900; now += 100) expect(at(now, 2 * now)).toEqual([]);
  });
});
