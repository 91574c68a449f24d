import { describe, expect, it } from 'vitest';
import { type Partition, partitionName } from '../../src/kafka/client/types.ts';
import { TurnPause } from '../../src/kafka/consumer/turn-pause.ts';

const PARTITIONS = [0, 1, 2].map((partition) => ({ topic: 't', partition }));
const ENDS = new Map(PARTITIONS.map((each) => [partitionName(each), 1e9]));

/** A client of which only partition 0 is read unless it is paused, and its TurnPause. */
class Client {
  assigned: readonly Partition[] = PARTITIONS;
  assignment = 1;
  readonly paused = new Set<number>();
  /** Whether it is between two assignments. */
  fails = false;
  calls = 0;
  compared = 0;
  readonly turns: TurnPause;
  #now = 0;
  readonly #offsets = [0, 0, 0];

  constructor() {
    const change = (partitions: readonly Partition[], use: (partition: number) => void) => {
      this.calls++;
      if (this.fails) throw new Error('ERR__STATE');
      for (const { partition } of partitions) use(partition);
    };
    this.turns = new TurnPause({
      consumer: {
        assignments: () => [...this.assigned],
        pause: (partitions) => change(partitions, (partition) => this.paused.add(partition)),
        resume: (partitions) => change(partitions, (partition) => this.paused.delete(partition)),
      },
      tracker: {
        positions: () => {
          this.compared++;
          return PARTITIONS.map((each) => ({ ...each, offset: this.#offsets[each.partition] ?? 0 }));
        },
      },
      assignments: () => this.assignment,
      now: () => this.#now,
    });
  }

  run(ms: number): void {
    for (const until = this.#now + ms; this.#now < until; this.#now += 20) {
      const read = [0, 1, 2].find((partition) => !this.paused.has(partition)) ?? 0;
      this.#offsets[read] = (this.#offsets[read] ?? 0) + 1;
      this.turns.polled(ENDS);
    }
  }
}

/** In the turn of partition 1. */
function inTurn(): Client {
  const client = new Client();
  client.run(2_500);
  expect([...client.paused]).toEqual([0, 2]);
  return client;
}

describe('the pauses for the turn of a partition', () => {
  it('end with the turn, and begin for the next one', () => {
    const client = inTurn();
    expect(PARTITIONS.map((each) => client.turns.isPaused(each))).toEqual([true, false, true]);
    client.run(1_000);
    expect([...client.paused].sort()).toEqual([0, 1]);
    client.run(1_000);
    expect([...client.paused]).toEqual([]);
  });

  it('call the client once for each turn, and compare positions ten times per second, not at each poll', () => {
    const client = inTurn();
    expect(client.calls).toBe(1);
    expect(client.compared).toBe(25);
    client.run(300);
    expect(client.calls).toBe(1);
  });

  it('end when the assignment changes, for the partitions that are still assigned', () => {
    const client = inTurn();
    client.assigned = PARTITIONS.slice(1);
    client.assignment++;
    client.run(200);
    // Partition 0 belongs to another member: the client would refuse to resume it.
    expect([...client.paused]).toEqual([0]);
    expect(PARTITIONS.map((each) => client.turns.isPaused(each))).toEqual([false, false, false]);
  });

  it('end in spite of a client that is between two assignments for a while', () => {
    const client = inTurn();
    client.fails = true;
    client.assignment++;
    client.run(500);
    expect([...client.paused]).toEqual([0, 2]);
    expect(client.turns.isPaused({ topic: 't', partition: 2 })).toBe(true);
    client.fails = false;
    client.run(200);
    expect([...client.paused]).toEqual([]);
  });

  it('are forgotten when all partitions were resumed', () => {
    const client = inTurn();
    client.paused.clear();
    client.turns.resumed();
    client.run(300);
    expect([...client.paused]).toEqual([]);
    expect(client.turns.isPaused({ topic: 't', partition: 0 })).toBe(false);
  });
});
