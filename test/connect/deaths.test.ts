import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { seededRandom } from '../../src/samples/seeded-random.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import type { LoadRecord } from '../../src/testing/load.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { describeWith } from '../integration/support/services.ts';
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

async function found<T>(find: () => T | undefined): Promise<T> {
  for (let waited = 0; waited < 60 * SECONDS; waited += 50) {
    const value = find();
    if (value !== undefined) return value;
    await sleep(50);
  }
  throw new Error('the process did not start within a minute');
}

async function countOf(pipeline: Pipeline, topic: string): Promise<number> {
  let records = 0;
  for await (const _ of readTopic({ 'bootstrap.servers': pipeline.brokers }, topic)) records++;
  return records;
}

/** Publishes a little more load before each of `times` events at random moments. */
async function underLoad(pipeline: Pipeline, seed: number, times: number, event: (n: number) => Promise<void>) {
  const random = seededRandom(seed);
  const load: LoadRecord[] = [...(await pipeline.publish({ count: 2_000, seed: 1_000 + seed, poisonEvery: 200 }))];
  for (let n = 0; n < times; n++) {
    load.push(...(await pipeline.publish({ count: RECORDS_PER_DEATH, seed: 2_000 + seed * 100 + n, poisonEvery: 50 })));
    await sleep(random.between(0, 600));
    await event(n);
  }
  return load;
}

const title = `Redpanda Connect with the plugins, seed ${SEED}`;
if (connect === undefined) {
  it.skip(`${title}: scripts/connect/build.sh has built no Redpanda Connect`, () => undefined);
} else {
  await describeWith(['kafka', 'postgres'], title, ({ kafka, postgres }) => {
    const create = () => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });

    it(`loses, repeats and dead-letters nothing when ${WORKER_DEATHS} workers die or hang`, {
      timeout: 300 * SECONDS,
    }, async () => {
      await using pipeline = await create();
      const running = startConnect(pipeline, { FILE_WAIT: '1s' });
      const random = seededRandom(SEED);
      const load = await underLoad(pipeline, SEED, WORKER_DEATHS, async (n) => {
        const name = random.pick(PLUGINS);
        const worker = await found(() => running.worker(name));
        inflict(n % 19 === 18 ? 'SIGSTOP' : random.pick(DEATHS), worker);
      });
      await pipeline.untilCommitted(120 * SECONDS);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
      // A worker's death costs time only: nothing was published twice.
      const images = load.filter(({ expected }) => expected !== undefined).length;
      expect(await countOf(pipeline, pipeline.topics.image)).toBe(images);
      expect(await countOf(pipeline, pipeline.topics.deadLetter)).toBe(load.length - images);
      expect(await running.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    });

    it(`loses nothing when ${OTHER_DEATHS} supervisors and Connects die, and Connect is started again`, {
      timeout: 300 * SECONDS,
    }, async () => {
      await using pipeline = await create();
      // Its partitions are assigned to it again at once.
      const env = { FILE_WAIT: '1s', INSTANCE_ID: 'connect' };
      const start = async (): Promise<ConnectProcess> => {
        const started = startConnect(pipeline, env);
        const before = await pipeline.lag();
        await pipeline.untilLag((lag) => lag < before, 60 * SECONDS);
        return started;
      };
      let running = startConnect(pipeline, env);
      const load = await underLoad(pipeline, SEED + 1, OTHER_DEATHS, async (n) => {
        const victim = PLUGINS[n % 3];
        if (victim !== undefined) {
          process.kill(await found(() => running.supervisor(victim)), 'SIGKILL');
          await sleep(1_000);
        }
        // The operator's part: Connect does not notice the death of its child.
        await running.signal('SIGKILL');
        running = await start();
      });
      await pipeline.untilCommitted(120 * SECONDS);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    });
  });
}
