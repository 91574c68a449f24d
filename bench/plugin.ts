/**
 * CPU per record of the processor plugin, called as Redpanda Connect calls it: batches of 50 records with a file each, over its socket.
 * Beside it, in the same run: the same operators without a plugin, and the transport without any work.
 *
 *   npm run bench -- plugin [--records 20000] [--rounds 5] [--in-flight 8] [--baseline DIR] [--other NAME=SCRIPT]
 *
 * `--baseline` adds the plugin as built in another checkout, `--other` another plugin, which gets the field `state_key`. After their start and
 * a first pass over all records, the programs are warmed up. Then they take turns in each round, and the medians count.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeBatch } from '../src/connect-plugin/message.ts';
import { Writer } from '../src/connect-plugin/value.ts';
import { makeLoad } from '../src/testing/load.ts';
import { markdown } from './markdown.ts';
import { median } from './median.ts';
import { type Load, type Running, startPlugin, startScript } from './plugin/contender.ts';
import { threadTimes } from './plugin/process-threads.ts';
import { processTree } from './process-tree.ts';

const BATCH = 50;
const WARM_UP_PASSES = 3;
// When compiled, this file runs from dist/bench; the scripts remain in bench/.
const CHECKOUT = join(import.meta.dirname.replace(/([/\\])dist[/\\]bench$/, '$1bench'), '..');

/** Microseconds of CPU per record. */
interface Cpu {
  readonly total: number;
  /** Of the process that Connect starts, if another one does the work. */
  readonly supervisor: number;
  readonly main: number;
  readonly threads: number;
}

/** CPU of a pass, and its records per second. */
interface Figures extends Cpu {
  readonly rate: number;
}

/** The passes of a program. */
interface Measured {
  /** CPU of the first pass, with that of the program's start. */
  readonly first: number;
  readonly passes: readonly Figures[];
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: '5' },
      'in-flight': { type: 'string', default: '8' },
      baseline: { type: 'string' },
      other: { type: 'string', multiple: true, default: [] },
    },
  });
  const root = mkdtempSync(join(tmpdir(), 'bench-plugin-'));
  const running = new Map<string, Running>();
  try {
    const requests = await writeLoad(root, Number(values.records));
    const load = { requests, inFlight: Number(values['in-flight']) };
    for (const [name, start] of contenders(root, load, values)) running.set(name, await start());
    console.log(table(await measure(running, Number(values.rounds), Number(values.records))));
  } finally {
    await Promise.all([...running.values()].map((each) => each.end()));
    rmSync(root, { recursive: true });
  }
}

type Start = () => Promise<Running>;

function contenders(
  root: string,
  load: Load,
  { baseline, other }: { readonly baseline?: string | undefined; readonly other: readonly string[] },
): ReadonlyMap<string, Start> {
  const program = (checkout: string) => join(checkout, 'dist/src/cli/wado-consumer.cjs');
  const plugin = (checkout: string) => () =>
    startPlugin([process.execPath, program(checkout), 'plugin', 'group_dicom_state'], { storage_roots: [root] }, load);
  const script = (name: string) => join(CHECKOUT, 'bench/plugin', name);
  const batches = join(root, 'requests.json');
  writeFileSync(batches, JSON.stringify(load.requests.map((request) => request.toString('base64'))));
  return new Map<string, Start>([
    ['group_dicom_state', plugin(CHECKOUT)],
    ...(baseline === undefined ? [] : [['baseline', plugin(resolve(baseline))] as const]),
    ['its operators, no plugin', () => startScript(script('operators.mjs'), [root, batches, `${load.inFlight}`])],
    ['transport alone', () => startPlugin([process.execPath, script('transport.mjs')], {}, load)],
    ...other.map((each): readonly [string, Start] => {
      const [name = '', path = ''] = each.split('=');
      return [name, () => startPlugin([process.execPath, resolve(path)], { state_key: 'series_uid' }, load)];
    }),
  ]);
}

/** The records in the order in which several devices store them, so that a batch has several series. */
async function writeLoad(root: string, records: number): Promise<readonly Buffer[]> {
  const messages: { readonly content: Buffer; readonly metadata: ReturnType<typeof kafkaMetadata> }[] = [];
  for await (const { key, value } of makeLoad({ root, count: records }))
    messages.push({ content: Buffer.from(value), metadata: kafkaMetadata(key, messages.length) });
  return Array.from({ length: Math.ceil(records / BATCH) }, (_, nth) => {
    const batch = messages.slice(nth * BATCH, (nth + 1) * BATCH);
    return Buffer.from(writeBatch(batch, Writer.create().uint32(10).fork()).ldelim().finish());
  });
}

/** What Connect's input sets. */
function kafkaMetadata(key: string, offset: number) {
  return {
    kafka_key: key,
    kafka_topic: 'storage_queue',
    kafka_partition: offset % 6,
    kafka_offset: Math.floor(offset / 6),
    kafka_timestamp_unix: 1_764_000_000,
    kafka_timestamp_ms: 1_764_000_000_000,
    kafka_tombstone_message: false,
    kafka_lag: 0,
  };
}

async function measure(
  running: ReadonlyMap<string, Running>,
  rounds: number,
  records: number,
): Promise<ReadonlyMap<string, Measured>> {
  const measured = new Map<string, Measured & { readonly passes: Figures[] }>();
  for (const [name, each] of running) {
    await each.pass();
    measured.set(name, { first: cpuOf(each.pid, records).total, passes: [] });
    for (let pass = 0; pass < WARM_UP_PASSES; pass++) await each.pass();
  }
  for (let round = 0; round < rounds; round++)
    for (const [name, each] of running) measured.get(name)?.passes.push(await measurePass(each, records));
  return measured;
}

async function measurePass({ pid, pass }: Running, records: number): Promise<Figures> {
  const before = cpuOf(pid, records);
  const start = performance.now();
  await pass();
  const seconds = (performance.now() - start) / 1_000;
  const after = cpuOf(pid, records);
  return {
    rate: records / seconds,
    total: after.total - before.total,
    supervisor: after.supervisor - before.supervisor,
    main: after.main - before.main,
    threads: after.threads - before.threads,
  };
}

/** CPU since the start. A supervisor has a child, which does the work. */
function cpuOf(pid: number, records: number): Cpu {
  const [parent, child] = processTree(pid).map((each) => threadTimes(each.pid));
  const { main = 0, others = 0 } = child ?? parent ?? {};
  const supervisor = child === undefined || parent === undefined ? 0 : parent.main + parent.others;
  return {
    total: (supervisor + main + others) / records,
    supervisor: supervisor / records,
    main: main / records,
    threads: others / records,
  };
}

function table(measured: ReadonlyMap<string, Measured>): string {
  const rows = [...measured].map(([name, { first, passes }]) => {
    const middle = (figure: keyof Figures) => median(passes.map((each) => each[figure]));
    const cpu = (['total', 'supervisor', 'main', 'threads'] as const).map((each) => middle(each).toFixed(1));
    return [name, ...cpu, first.toFixed(1), Math.round(middle('rate')).toLocaleString('en')];
  });
  const parts = ['supervisor', 'main thread', 'other threads'];
  return markdown(['CPU µs per record', 'in all', ...parts, 'first pass, with the start', 'records/s'], rows);
}
