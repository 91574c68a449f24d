/**
 * A load at a steady rate: files and their records, some of them late, truncated or sent twice. `Pipeline.publish` sends the same records
 * (`makeLoad`) at once and to a broker that runs; here the broker may be down, and faults stop the load and damage its files.
 */

import { chmod, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProducer } from '../../../src/kafka/producer/producer.ts';
import { seededRandom } from '../../../src/samples/seeded-random.ts';
import { type LoadRecord, makeLoad } from '../../../src/testing/load.ts';
import type { Pipeline } from '../../../src/testing/pipeline.ts';

export interface LoadPlan {
  readonly seed: number;
  /** The number of records, unless `stop()` ends the load earlier. */
  readonly count: number;
  /** Default: as fast as possible. */
  readonly perSecond?: number;
  /** Every n-th record can't be processed. Default: none. */
  readonly poisonEvery?: number;
  /** Every n-th file is missing, half-written or unreadable when its record is sent, and complete soon after. Default: none. */
  readonly lateEvery?: number;
  /** The folder to write the files to, if it isn't the store that the records name. */
  readonly files?: string;
  /** Every n-th record is sent again some time later. Default: none. */
  readonly repeatEvery?: number;
}

export interface SteadyLoad {
  /** What was sent so far. */
  readonly records: readonly LoadRecord[];
  /** Everything is sent and every file is complete. */
  readonly done: Promise<void>;
  /** Makes every n-th file late from now on, until the returned function is called. */
  makeLate(every: number): () => void;
  /** Sends no further records. */
  stop(): void;
  /** Sends nothing more until the returned function is called. Resolves when the broker has acknowledged what was sent. */
  pause(): Promise<() => void>;
}

const BATCH = 25;
const LATE_MS = [200, 900] as const;
const WHOLE_HEADER = 700;

export function startLoad(pipeline: Pipeline, plan: LoadPlan): SteadyLoad {
  const records: LoadRecord[] = [];
  const stopped = new AbortController();
  const gate = new Gate();
  const late = { every: plan.lateEvery ?? 0 };
  const done = send(pipeline, plan, { records, gate, late, stopped: stopped.signal });
  done.catch(() => undefined);
  return {
    records,
    done,
    makeLate(every) {
      late.every = every;
      return () => {
        late.every = plan.lateEvery ?? 0;
      };
    },
    stop: () => stopped.abort(),
    pause: () => gate.close(),
  };
}

/** Lets one batch at a time pass while it is open. */
class Gate {
  #closed: Promise<void> | undefined;
  #passing: Promise<void> = Promise.resolve();

  async pass(batch: () => Promise<void>): Promise<void> {
    while (this.#closed !== undefined) await this.#closed;
    this.#passing = batch();
    await this.#passing;
  }

  /** Returns the function that opens it again. */
  async close(): Promise<() => void> {
    let open = () => {};
    this.#closed = new Promise((resolve) => {
      open = () => {
        this.#closed = undefined;
        resolve();
      };
    });
    // A batch that fails is reported by the load itself.
    await this.#passing.catch(() => undefined);
    return open;
  }
}

interface Controls {
  readonly records: LoadRecord[];
  readonly gate: Gate;
  /** Every n-th file is late; 0: none. */
  readonly late: { readonly every: number };
  readonly stopped: AbortSignal;
}

async function send(pipeline: Pipeline, plan: LoadPlan, { records, gate, late, stopped }: Controls): Promise<void> {
  const { seed, count, poisonEvery = 0, repeatEvery = 0, files = pipeline.store } = plan;
  const random = seededRandom(seed ^ 0x10ad);
  const publisher = createProducer({
    name: 'load',
    config: {
      'bootstrap.servers': pipeline.brokers,
      'message.timeout.ms': 5_000,
      'reconnect.backoff.max.ms': 500,
      // A partition that is added during the run must get records.
      'topic.metadata.refresh.interval.ms': 500,
    },
    deadlineMs: 10_000,
  });
  const repairs: Promise<void>[] = [];
  const again: LoadRecord[] = [];
  let batch: LoadRecord[] = [];
  const began = performance.now();
  const flush = async () => {
    const messages = batch.map(({ key, value }) => ({ topic: pipeline.topics.input, key, value }));
    await gate.pass(() => insist(() => publisher.send(messages)));
    batch = [];
    if (plan.perSecond !== undefined)
      await sleep(began + (records.length / plan.perSecond) * 1_000 - performance.now());
  };

  for await (const written of makeLoad({ root: files, seed, count, poisonEvery, fileBytes: 1_024 })) {
    const record = { ...written, value: written.value.replaceAll(files, pipeline.store) };
    records.push(record);
    batch.push(record);
    const n = records.length;
    if (late.every > 0 && n % late.every === 0 && record.expected !== undefined)
      repairs.push((await random.pick(DAMAGES)(pathOf(written)))(random.between(...LATE_MS)));
    if (repeatEvery > 0 && n % repeatEvery === 0) again.push(record);
    if (again.length > 20) batch.push(...again.splice(random.between(0, 10), 10));
    if (batch.length >= BATCH) await flush();
    if (stopped.aborted) break;
  }
  batch.push(...again);
  await flush();
  await Promise.all(repairs);
  await publisher.close();
}

/** Damages a file; returns the function that repairs it after a number of milliseconds. */
type Damage = (path: string) => Promise<(afterMs: number) => Promise<void>>;

const DAMAGES: readonly Damage[] = [hide, cutShort, lock];

async function hide(path: string) {
  await rename(path, `${path}.part`);
  return (afterMs: number) => sleep(afterMs).then(() => rename(`${path}.part`, path));
}

/** Truncates it within its header. */
async function cutShort(path: string) {
  const whole = await readFile(path);
  await truncate(path, WHOLE_HEADER);
  return (afterMs: number) => sleep(afterMs).then(() => writeFile(path, whole));
}

/** EACCES, for members without root's capabilities (see `UNPRIVILEGED`). */
async function lock(path: string) {
  await chmod(path, 0);
  return (afterMs: number) => sleep(afterMs).then(() => chmod(path, 0o644));
}

function pathOf(record: LoadRecord): string {
  const { file_path: path } = JSON.parse(record.value) as { file_path: string };
  return path;
}

/** Retries while the broker is unavailable. Records may be sent twice by that, as by any producer. */
async function insist(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 60) throw error;
      await sleep(500);
    }
  }
}
