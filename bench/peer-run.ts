/** One engine's run over the records of another pipeline: its rate, and the CPU of every process that takes part. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import type { Engine } from './peer-engines.ts';
import { processTree, type TreeProcess } from './process-tree.ts';

/** CPU in microseconds per record. */
export interface Outcome {
  readonly rate: number;
  readonly engine: number;
  readonly processor: number;
  readonly output: number;
  readonly kafka: number;
  readonly postgres: number;
  /** Other programs on this machine, the benchmark itself included. */
  readonly others: number;
  readonly rssMb: number;
}

/** What has happened when a commit was seen. */
interface Sample {
  readonly at: number;
  readonly done: number;
  readonly tree: readonly TreeProcess[];
  readonly kafka: number;
  readonly postgres: number;
  readonly machine: number;
}

const POLL_MS = 200;
/** The last records wait for `batching.period`, because their batches are incomplete. */
const MEASURED_SHARE = 0.95;

/**
 * Measures from the first commit to the first one of 95% of the records: neither the start of the processes nor the wait of the last,
 * incomplete batches is work. Resolves when everything is committed.
 */
export async function runEngine(engine: Engine, source: Pipeline, connect: string, records: number): Promise<Outcome> {
  await using target = await Pipeline.create({ brokers: source.brokers, dsn: source.dsn });
  await migratePostgres(target.dsn);
  const servers = { kafka: serverPid('kafka'), postgres: serverPid('postgres') };
  const env = {
    STORAGE_TOPIC: source.topics.input,
    STORAGE_ROOT: source.store,
    LOG_LEVEL: 'WARN',
    MALLOC_ARENA_MAX: '2',
    ...engine.env,
  };
  const service = target.start(env, [], {
    command: engine.command(connect),
    ...(engine.config === undefined ? {} : { config: engine.config(target) }),
  });
  let first: Sample | undefined;
  let last: Sample | undefined;
  let rssMb = 0;
  for (let done = 0; done < records; ) {
    await sleep(POLL_MS);
    done = records - (await source.lag(target.group));
    const tree = processTree(service.pid);
    if (tree.length === 0) throw new Error(`${engine.name} has ended; see ${target.log}`);
    rssMb = Math.max(rssMb, total(tree, 'rssMb'));
    const sample = (): Sample => ({
      at: performance.now(),
      done,
      tree,
      kafka: total(processTree(servers.kafka), 'cpuSeconds'),
      postgres: total(processTree(servers.postgres), 'cpuSeconds'),
      machine: busySeconds(),
    });
    if (done > 0) first ??= sample();
    if (done >= records * MEASURED_SHARE) last ??= sample();
  }
  await service.signal('SIGTERM');
  if (first === undefined || last === undefined || first.done === last.done)
    throw new Error(`${engine.name} committed everything at once: use more records`);
  return { ...between(first, last), rssMb };
}

function between(first: Sample, last: Sample): Omit<Outcome, 'rssMb'> {
  const records = last.done - first.done;
  const micros = (figure: (sample: Sample) => number) => ((figure(last) - figure(first)) * 1e6) / records;
  const engine = micros(({ tree }) => total(tree, 'cpuSeconds'));
  const kafka = micros((sample) => sample.kafka);
  const postgres = micros((sample) => sample.postgres);
  return {
    rate: (records * 1_000) / (last.at - first.at),
    engine,
    processor: micros(({ tree }) => cpuOf(tree, 'plugin group_dicom_state')),
    output: micros(({ tree }) => cpuOf(tree, 'plugin dicom_store')),
    kafka,
    postgres,
    others: micros(({ machine }) => machine) - engine - kafka - postgres,
  };
}

function total(tree: readonly TreeProcess[], figure: 'cpuSeconds' | 'rssMb'): number {
  return tree.reduce((sum, each) => sum + each[figure], 0);
}

/** The supervisor and the worker of a plugin. */
function cpuOf(tree: readonly TreeProcess[], command: string): number {
  return total(
    tree.filter((each) => each.command.endsWith(command)),
    'cpuSeconds',
  );
}

/** The process that scripts/services.sh has started. */
function serverPid(name: 'kafka' | 'postgres'): number {
  const script = `. scripts/services/common.sh; head -n 1 "$data/${name}.pid"`;
  return Number(execFileSync('bash', ['-c', script], { encoding: 'utf8' }));
}

const IDLE = 3;
const WAITS_FOR_DISK = 4;
/** Guests' time is part of user time. */
const TIMES = 8;

/** CPU time of all processes since the machine's start. */
function busySeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = line
    .trim()
    .split(/\s+/)
    .slice(1, 1 + TIMES)
    .map(Number);
  return ticks.reduce((sum, each, at) => sum + (at === IDLE || at === WAITS_FOR_DISK ? 0 : each), 0) / 100;
}
