/** What a sink does while its server can't be reached or ends. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTransient } from '../../operators/retry-transient.ts';
import type { Sink } from '../../ports.ts';
import type { GroupedBatch } from '../../records/records.ts';
import type { TcpProxy } from '../proxy.ts';
import { batchOf } from '../sink-contract-batches.ts';
import type { Cases, KillableServer, SinkUnderTest } from './case.ts';
import { column, everything, range, trace } from './rows.ts';

const RETRY_MS = 100;
const DEADLINE_MS = 60_000;

export const NETWORK_FAULTS: Cases = {
  'reconnects when its connections are reset, and stores every batch once': async (under) => {
    const network = networkOf(under);
    await eventually(under.sink, batch(0));
    for (const b of [1, 2, 3]) {
      network.cut();
      await eventually(under.sink, batch(b));
    }
    await hasExactly(under, 4);
  },

  'refuses a batch with a transient error during an outage, and stores it afterwards': async (under) => {
    const network = networkOf(under);
    await eventually(under.sink, batch(0));
    await network.refuse(true);
    await failsTransiently(under.sink.write(batch(1)));
    await network.refuse(false);
    await eventually(under.sink, batch(1));
    await hasExactly(under, 2);
  },

  'gives up on a server that does not answer any more, and stores the batch afterwards': async (under) => {
    const network = networkOf(under);
    await eventually(under.sink, batch(0));
    network.blackHole(true);
    await failsTransiently(under.sink.write(batch(1)));
    network.blackHole(false);
    await eventually(under.sink, batch(1));
    await hasExactly(under, 2);
  },

  'does not change a row again when the answer to a stored batch was lost': async (under) => {
    const network = networkOf(under);
    await eventually(under.sink, batch(0));
    const hold = network.hold(() => true);
    const lost = failsTransiently(under.sink.write(batch(1)));
    await hold.held;
    // The server has answered. By then it has stored the rows, or did not yet: both are allowed.
    network.cut();
    hold.release();
    await lost;
    await eventually(under.sink, batch(1));
    await hasExactly(under, 2);
    const before = await everything(under.rows);
    await eventually(under.sink, batch(1));
    deepEqual(await everything(under.rows), before);
  },

  'stores what a proxy refuses as one large request in smaller ones': async (under) => {
    const network = networkOf(under);
    await eventually(under.sink, batch(0));
    const ten = range(10).map((n) => batch(n + 1));
    network.limitRequests(64 * 1024);
    await eventually(under.sink, { ...batch(1), grouped: ten.flatMap(({ grouped }) => grouped) });
    await hasExactly(under, 11);
  },

  'can be closed during an outage: every write settles': async (under) => {
    const network = networkOf(under);
    await eventually(under.sink, batch(0));
    network.blackHole(true);
    const writes = Promise.allSettled([1, 2, 3].map((b) => under.sink.write(batch(b))));
    await under.sink.close();
    network.blackHole(false);
    const stored = new Set(column(await under.rows('object'), 'trace_id'));
    for (const [n, result] of (await writes).entries()) {
      if (result.status === 'rejected') ok(isTransient(result.reason), String(result.reason));
      else ok(stored.has(trace((n + 1) * SIZE)));
    }
  },
};

export const SERVER_FAULTS: Cases = {
  'keeps what it acknowledged through a kill -9 of the server': async (under) => {
    const server = serverOf(under);
    await eventually(under.sink, batch(0));
    const acknowledged: number[] = [];
    let stopped = false;
    const writing = range(3).map(async (of) => {
      for (let b = 1 + of; !stopped; b += 3) {
        await eventually(under.sink, batch(b), () => stopped);
        if (!stopped) acknowledged.push(b);
      }
    });
    // In the middle of the load, whatever the speed of the server.
    while (acknowledged.length < 20) await sleep(1);
    await server.kill();
    stopped = true;
    const known = [...acknowledged];
    await Promise.all(writing);
    await server.start();
    const stored = new Set(column(await under.rows('object'), 'trace_id'));
    deepEqual(
      known.flatMap(idsOf).filter((id) => !stored.has(id)),
      [],
    );
    // The sink works again, and repeats nothing wrongly.
    for (const b of known) await eventually(under.sink, batch(b));
    await eventually(under.sink, batch(10_000));
    ok((await under.rows('object')).length >= (known.length + 1) * SIZE);
  },
};

const SIZE = 20;

function idsOf(b: number): readonly string[] {
  return range(SIZE).map((n) => trace(b * SIZE + n));
}

function batch(b: number): GroupedBatch {
  return batchOf(idsOf(b).map((trace_id, n) => ({ trace_id, series_uid: `1.${n % 3}`, sop_uid: `1.${b}.${n}` })));
}

/** Writes a batch until it is stored, as the topology does. Every failure must be transient. */
async function eventually(sink: Sink, one: GroupedBatch, isOver: () => boolean = () => false): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!isOver()) {
    try {
      deepEqual(await sink.write(one), []);
      return;
    } catch (error) {
      if (!isTransient(error) || performance.now() > deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function failsTransiently(written: Promise<unknown>): Promise<void> {
  const error: unknown = await written.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  ok(isTransient(error), `expected a transient error, not ${String(error)}`);
}

async function hasExactly({ rows }: SinkUnderTest, batches: number): Promise<void> {
  deepEqual(column(await rows('object'), 'trace_id'), range(batches).flatMap(idsOf));
  equal((await rows('image')).length, batches * SIZE);
}

function networkOf({ network }: SinkUnderTest): TcpProxy {
  ok(network !== undefined, 'the group network needs a proxy');
  return network;
}

function serverOf({ server }: SinkUnderTest): KillableServer {
  ok(server !== undefined, 'the group server needs a server that can be killed');
  return server;
}
