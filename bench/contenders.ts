import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pipeline } from '../src/testing/pipeline.ts';

export interface Result {
  readonly name: string;
  readonly rate: number;
  readonly cpuMicros: number;
  readonly rssMb: number;
  readonly loopDelayMs?: number;
}

export interface Arena {
  /** Has the input topic and the files. */
  readonly source: Pipeline;
  /** Has this contender's own database, output topics and consumer group. */
  readonly target: Pipeline;
  readonly records: number;
}

export interface Contender {
  readonly name: string;
  /** The contender is left out when this file or folder doesn't exist. */
  readonly needs?: string;
  run(arena: Arena): Promise<Omit<Result, 'name'>>;
}

/** What the Dockerfile sets. All contenders get it. */
const AS_IN_THE_IMAGE = { MALLOC_ARENA_MAX: '2' };
const NODE_AS_IN_THE_IMAGE = [process.execPath, '--max-semi-space-size=32'] as const;
const PROTOTYPES = '../shared/prototypes';

export const CONTENDERS: readonly Contender[] = [
  { name: 'plain', run: (arena) => reporting(['dist/bench/plain.js'], arena) },
  { name: 'prototype', needs: PROTOTYPES, run: runPrototype },
  { name: 'service', run: (arena) => runService(arena) },
];

// `batch committed` is the line's name in earlier versions, which can be measured too.
const BATCH = /"batch (?:acknowledged|committed)"/;

/** The service as built in another checkout, with that checkout's configuration. */
export function baseline(folder: string): Contender {
  return { name: 'baseline', run: (arena) => runService(arena, { package: folder }) };
}

/** The service with other flags of Node than those of the image. */
export function withFlags(flags: string): Contender {
  return { name: `service ${flags}`, run: (arena) => runService(arena, { flags: flags.split(' ').filter(Boolean) }) };
}

export interface ServiceOptions {
  /** Folder of the built package, whose redpanda.yaml is used. Default: this one. */
  readonly package?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Node's flags. Default: those of the image. */
  readonly flags?: readonly string[];
}

/** Runs the service until its group has no lag. The rate is computed from the log lines of the first and the last batch. */
export async function runService(
  { source, target, records }: Arena,
  options: ServiceOptions = {},
): Promise<Omit<Result, 'name'>> {
  const env = {
    STORAGE_TOPIC: source.topics.input,
    STORAGE_ROOT: source.store,
    HTTP_ADDRESS: '127.0.0.1:4295',
    ...AS_IN_THE_IMAGE,
    ...passedOn('READER_WORKERS', 'NODE_OPTIONS', 'LOG_LEVEL', 'MALLOC_ARENA_MAX'),
    ...options.env,
  };
  const folder = options.package ?? '.';
  const service = target.start(env, [], {
    command: [
      ...(options.flags === undefined ? NODE_AS_IN_THE_IMAGE : [process.execPath, ...options.flags]),
      join(folder, 'dist/src/cli/wado-consumer.cjs'),
    ],
    config: join(folder, 'redpanda.yaml'),
  });
  const usage = watch(service.pid);
  const ended = service.exited.then(({ code }) => {
    throw new Error(`the service ended with exit code ${code}: ${target.logText().trim().split('\n').at(-1)}`);
  });
  // Poll rarely: the query uses CPU of the machine that is measured.
  await Promise.race([source.untilGroupCommitted(target.group, 600_000, 1_000), ended]);
  ended.catch(() => undefined);
  const loopDelayMs = await loopDelay('http://127.0.0.1:4295/metrics');
  const { cpuSeconds, rssMb } = usage();
  await service.signal('SIGTERM');
  const batches = target
    .logText()
    .split('\n')
    .filter((line) => BATCH.test(line))
    .map((line) => JSON.parse(line) as { time: string; ms: number; records: number });
  const first = batches[0];
  const last = batches.at(-1);
  if (first === undefined || last === undefined) throw new Error(`no batch was acknowledged; see ${target.log}`);
  const seconds = (Date.parse(last.time) - Date.parse(first.time) + first.ms) / 1_000;
  return { rate: records / seconds, cpuMicros: (cpuSeconds * 1e6) / records, rssMb, loopDelayMs };
}

/** Variables of this process that are passed to the service, such as NODE_OPTIONS for a profiler. */
export function passedOn(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The event loop's p99 delay in milliseconds, from the service's own metric. */
async function loopDelay(url: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(text)?.[1] ?? Number.NaN) * 1_000;
}

/** Runs a copy below this project, so that its imports resolve to this project's packages. */
async function runPrototype(arena: Arena): Promise<Omit<Result, 'name'>> {
  rmSync('tmp/prototypes', { recursive: true, force: true });
  cpSync(PROTOTYPES, 'tmp/prototypes', { recursive: true });
  writeFileSync('tmp/prototypes/kafka/package.json', '{"type":"commonjs"}');
  const { source, target, records } = arena;
  const args = [
    'tmp/prototypes/end-to-end/run.mjs',
    source.topics.input,
    target.group,
    String(records),
    '50',
    '40',
    '2',
    '1',
  ];
  return await reporting(args, arena);
}

/** Runs a contender that prints its own rate, `{"rec_s": …}`, and exits. */
async function reporting(args: readonly string[], { source, target, records }: Arena): Promise<Omit<Result, 'name'>> {
  if (!existsSync(args[0] ?? '')) throw new Error(`there is no ${args[0]}`);
  const [node, ...flags] = NODE_AS_IN_THE_IMAGE;
  const child = spawn(node, [...flags, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...AS_IN_THE_IMAGE,
      ...process.env,
      KAFKA: source.brokers,
      PGURL: target.dsn,
      INPUT_TOPIC: source.topics.input,
      GROUP: target.group,
      RECORDS: String(records),
      STORAGE_ROOT: source.store,
      STATE_TOPIC: target.topics.state,
      IMAGE_TOPIC: target.topics.image,
    },
  });
  const usage = watch(child.pid ?? 0);
  const printed = await output(child);
  const { cpuSeconds, rssMb } = usage();
  const { rec_s, lagMax } = JSON.parse(printed.trim().split('\n').at(-1) ?? '{}') as { rec_s: number; lagMax?: number };
  return {
    rate: rec_s,
    cpuMicros: (cpuSeconds * 1e6) / records,
    rssMb,
    ...(lagMax === undefined ? {} : { loopDelayMs: lagMax }),
  };
}

function output(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.once('error', reject);
    child.once('exit', () => resolve(text));
  });
}

/** Samples a process. The returned function stops sampling and returns the CPU time and the peak memory (RSS). */
export function watch(pid: number): () => { cpuSeconds: number; rssMb: number } {
  let cpuSeconds = 0;
  let rssMb = 0;
  const sample = () => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      cpuSeconds = (Number(stat[11]) + Number(stat[12])) / 100;
      rssMb = Math.max(
        rssMb,
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
      );
    } catch {
      // The process has ended; the last sample is used.
    }
  };
  const timer = setInterval(sample, 50);
  return () => {
    sample();
    clearInterval(timer);
    return { cpuSeconds, rssMb };
  };
}
