import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { type Random, seededRandom } from '../../src/samples/seeded-random.ts';
import { startDatabaseProxy } from '../../src/testing/database-proxy.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { freePort } from '../../src/testing/free-port.ts';
import type { LoadRecord } from '../../src/testing/load.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { describeWith } from '../integration/support/services.ts';
import { callsInFlight, callsOfEndedWorkers } from './calls-in-flight.ts';
import { type ConnectProcess, connect, type PluginName, startConnect } from './connect-process.ts';

const SEED = Number(process.env.WADO_TEST_SEED ?? 14);
/** Deaths of workers, and of supervisors and Connect: 50 together. */
const WORKER_DEATHS = 38;
const OTHER_DEATHS = 12;
const RECORDS_PER_DEATH = 100;
const SECONDS = 1_000;
const PLUGINS: readonly PluginName[] = ['group_dicom_state', 'dicom_store'];

type Death = 'SIGKILL' | 'SIGABRT' | 'out of memory' | 'SIGSTOP';

/** Suspended workers are few, because each takes the supervisor's ten seconds. */
const DEATHS: readonly Death[] = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGABRT', 'out of memory'];

function inflict(death: Death, pid: number): void {
  // With this limit, the next allocation fails, and V8 ends the process.
  if (death === 'out of memory') execFileSync('prlimit', ['--pid', String(pid), '--as=1000000']);
  else process.kill(pid, death);
}

async function found<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let waited = 0; waited < 60 * SECONDS; waited += 20) {
    const value = await find();
    if (value !== undefined) return value;
    await sleep(20);
  }
  throw new Error('it did not happen within a minute');
}

/** A death and how many unanswered batches it hit. */
interface Hit {
  readonly of: string;
  readonly death: Death;
  readonly calls: number;
}

/** A death between two batches would prove nothing. `share`: of the deaths that must hit batches. */
function expectInFlight(hits: readonly Hit[], share: number): void {
  const record = hits.map(({ of, death, calls }) => `${of}: ${death}, ${calls} batches in flight`);
  console.log(record.join('\n'));
  const busy = hits.filter(({ calls }) => calls > 0);
  expect(busy.length, record.join('\n')).toBeGreaterThan(hits.length * share);
}

/**
 * What makes calls long, so that a death at any moment hits some: one record in 24 has no file, so nearly every batch waits for FILE_WAIT,
 * and the network delays each answer of the database.
 */
const POISON_EVERY = 6;
const FILE_WAIT = '1s';
const DATABASE_DELAY_MS = 100;

async function countOf(pipeline: Pipeline, topic: string): Promise<number> {
  let records = 0;
  for await (const _ of readTopic({ 'bootstrap.servers': pipeline.brokers }, topic)) records++;
  return records;
}

/** Publishes a little more load before each of `times` events. */
async function underLoad(pipeline: Pipeline, seed: number, times: number, event: (n: number) => Promise<void>) {
  const load: LoadRecord[] = [
    ...(await pipeline.publish({ count: 2_000, seed: 1_000 + seed, poisonEvery: POISON_EVERY })),
  ];
  for (let n = 0; n < times; n++) {
    const more = { count: RECORDS_PER_DEATH, seed: 2_000 + seed * 100 + n, poisonEvery: POISON_EVERY };
    load.push(...(await pipeline.publish(more)));
    await event(n);
  }
  return load;
}

const randomMoment = (random: Random, from: number, to: number) => sleep(random.between(from, to));

const title = `Redpanda Connect with the plugins, seed ${SEED}`;
if (connect === undefined) {
  it.skip(`${title}: scripts/connect/build.sh has built no Redpanda Connect`, () => undefined);
} else {
  await describeWith(['kafka', 'postgres'], title, ({ kafka, postgres }) => {
    /** A pipeline, and the environment of a Connect that is slow on it. `address` answers with its metrics. */
    async function create() {
      const pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
      const proxy = await startDatabaseProxy(pipeline.dsn);
      proxy.delay(DATABASE_DELAY_MS);
      const address = `127.0.0.1:${await freePort()}`;
      return {
        pipeline,
        address,
        env: { FILE_WAIT, POSTGRES_DSN: proxy.dsn, HTTP_ADDRESS: address },
        async [Symbol.asyncDispose]() {
          await pipeline[Symbol.asyncDispose]();
          await proxy.close();
        },
      };
    }

    it(`loses, repeats and dead-letters nothing when ${WORKER_DEATHS} workers die or hang, many of them in batches`, {
      timeout: 300 * SECONDS,
    }, async () => {
      await using slow = await create();
      const { pipeline } = slow;
      const running = startConnect(pipeline, slow.env);
      const random = seededRandom(SEED);
      const hits: Hit[] = [];
      const load = await underLoad(pipeline, SEED, WORKER_DEATHS, async (n) => {
        const name = random.pick(PLUGINS);
        const death = n % 19 === 18 ? 'SIGSTOP' : random.pick(DEATHS);
        await found(() => running.worker(name));
        // One that has just been started has no batch yet.
        await randomMoment(random, 500, 2_000);
        const ended = callsOfEndedWorkers(running).length;
        inflict(death, await found(() => running.worker(name)));
        hits.push({ of: name, death, calls: await found(() => callsOfEndedWorkers(running)[ended]) });
      });
      await pipeline.untilCommitted(120 * SECONDS);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
      // A worker's death costs time only: nothing was published twice.
      const images = load.filter(({ expected }) => expected !== undefined).length;
      expect(await countOf(pipeline, pipeline.topics.image)).toBe(images);
      expect(await countOf(pipeline, pipeline.topics.deadLetter)).toBe(load.length - images);
      expect(await running.signal('SIGTERM')).toEqual({ code: 0, signal: null });
      // The others hit workers that were still starting.
      expectInFlight(hits, 1 / 3);
    });

    it(`loses nothing when ${OTHER_DEATHS} supervisors and Connects die, most of them in batches, and Connect is started again`, {
      timeout: 300 * SECONDS,
    }, async () => {
      await using slow = await create();
      const { pipeline, address } = slow;
      // Its partitions are assigned to it again at once.
      const env = { ...slow.env, INSTANCE_ID: 'connect' };
      const start = async (): Promise<ConnectProcess> => {
        const started = startConnect(pipeline, env);
        const before = await pipeline.lag();
        await pipeline.untilLag((lag) => lag < before || lag === 0, 60 * SECONDS);
        return started;
      };
      const random = seededRandom(SEED);
      const hits: Hit[] = [];
      let running = startConnect(pipeline, env);
      const load = await underLoad(pipeline, SEED + 1, OTHER_DEATHS, async (n) => {
        const victim = PLUGINS[n % 3];
        const callsNow = async () => {
          const calls = await callsInFlight(address);
          return victim === undefined ? calls.group_dicom_state + calls.dicom_store : calls[victim];
        };
        await found(async () => ((await callsNow()) > 0 ? true : undefined));
        await randomMoment(random, 0, 300);
        const supervisor = victim === undefined ? undefined : await found(() => running.supervisor(victim));
        hits.push({ of: victim ?? 'Connect', death: 'SIGKILL', calls: await callsNow() });
        if (supervisor !== undefined) {
          process.kill(supervisor, 'SIGKILL');
          await sleep(1_000);
        }
        // The operator's part: Connect does not notice the death of its child.
        await running.signal('SIGKILL');
        running = await start();
      });
      await pipeline.untilCommitted(120 * SECONDS);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
      expectInFlight(hits, 2 / 3);
    });
  });
}
