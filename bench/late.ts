/**
 * Throughput while files are missing: the same load without any, with 0.1 %, 1 % and 5 %, at least once and exactly once.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- late [--records 2000000] [--files 50000] [--shares 0,0.1,1,5]
 *     [--modes at-least-once,exactly-once] [--file-wait 60s]
 *
 * The records name `files` existing files, in turn, each time with another trace id. A rate is measured from the first batch to the one with
 * which all records that have a file are acknowledged; the others are dead-lettered meanwhile, or still wait. Ratios are those to the same
 * mode's rate without missing files. A run should take longer than `file_wait`, or the waiting records never become as many as they can.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import { createAdmin } from '../src/kafka/admin/admin.ts';
import { createProducer } from '../src/kafka/producer/producer.ts';
import type { LoadRecord } from '../src/testing/load.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { passedOn, watch } from './contenders.ts';
import { markdown } from './markdown.ts';

const MODES: Readonly<Record<string, readonly string[]>> = { 'at-least-once': [], 'exactly-once': ['--exactly-once'] };
const METRICS = '127.0.0.1:4296';
const GOAL = 0.9;
/** One answer with all metrics takes the service's main thread about 10 ms. */
const POLL_MS = 500;
const SENDS_IN_FLIGHT = 8;

interface Outcome {
  readonly rate: number;
  /** CPU time of the service per acknowledged record, its start included. */
  readonly cpuMicros: number;
  readonly rssMb: number;
  readonly mostWaiting: number;
  /** The most done records that a partition's metadata did not list. */
  readonly unlisted: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '2000000' },
      files: { type: 'string', default: '50000' },
      shares: { type: 'string', default: '0,0.1,1,5' },
      modes: { type: 'string', default: Object.keys(MODES).join(',') },
      'file-wait': { type: 'string', default: '60s' },
    },
  });
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');
  const records = Number(values.records);

  await using source = await Pipeline.create({ brokers, dsn });
  console.error(`writing ${values.files} files`);
  const load = await source.publish({ count: Number(values.files) });
  const rows: string[][] = [];
  const best = new Map<string, number>();
  for (const share of values.shares.split(',').map(Number)) {
    const topic = `${source.topics.input}.${share}`;
    console.error(`publishing ${records} records, ${share} % of them without a file`);
    const missing = await publish(brokers, topic, load, records, share);
    for (const mode of values.modes.split(',')) {
      await using target = await Pipeline.create({ brokers, dsn });
      await migratePostgres(target.dsn);
      const env = { STORAGE_TOPIC: topic, STORAGE_ROOT: source.store, FILE_WAIT: values['file-wait'] };
      const { rate, ...rest } = await measure(target, env, MODES[mode] ?? [], records - missing);
      const own = best.get(mode) ?? rate;
      best.set(mode, own);
      const figures = [rate, rate / own, rest.cpuMicros, rest.rssMb, rest.mostWaiting, rest.unlisted];
      const [perSecond = 0, ratio = 0, ...others] = figures;
      const row = [mode, `${share} %`, String(Math.round(perSecond)), ratio.toFixed(2)];
      rows.push([...row, ...others.map((each) => String(Math.round(each)))]);
      console.error(rows.at(-1)?.join(' | '));
    }
    const admin = createAdmin({ 'bootstrap.servers': brokers });
    await admin.deleteTopics([topic]);
    admin.close();
  }
  const heads = [
    'mode',
    'missing',
    'records/s',
    `× without (goal ≥ ${GOAL})`,
    'CPU µs/record',
    'RSS MB',
    'most waiting',
    'not listed',
  ];
  console.log(markdown(heads, rows));
}

/** Publishes the records. Returns how many of them have no file. */
async function publish(
  brokers: string,
  topic: string,
  load: readonly LoadRecord[],
  count: number,
  share: number,
): Promise<number> {
  const admin = createAdmin({ 'bootstrap.servers': brokers });
  await admin.createTopics([topic], 6);
  admin.close();
  const producer = createProducer({ name: 'load', config: { 'bootstrap.servers': brokers }, deadlineMs: 60_000 });
  const every = share === 0 ? Number.POSITIVE_INFINITY : Math.round(100 / share);
  let missing = 0;
  const sending: Promise<unknown>[] = [];
  for (let first = 0; first < count; first += 1_000) {
    const records = Array.from({ length: Math.min(1_000, count - first) }, (_, i) => {
      const n = first + i;
      const { key, value } = load[n % load.length] ?? { key: '', value: '' };
      // The first characters of a trace id are the same in all of a load's records.
      const id = `${(Math.floor(n / load.length) + 1).toString(16).padStart(8, '0')}${key.slice(8)}`;
      const isMissing = n % every === every - 1;
      if (isMissing) missing++;
      const meta = value.replace(key, id);
      return { topic, key: id, value: isMissing ? meta.replace('.dcm"', '.late"') : meta };
    });
    sending.push(producer.send(records));
    if (sending.length === SENDS_IN_FLIGHT) await sending.shift();
  }
  await Promise.all(sending);
  await producer.close();
  return missing;
}

/** Runs the service until it has acknowledged `good` records. */
async function measure(
  target: Pipeline,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  good: number,
): Promise<Outcome> {
  const settings = { HTTP_ADDRESS: METRICS, LOG_LEVEL: 'WARN', MALLOC_ARENA_MAX: '2', ...passedOn('NODE_OPTIONS') };
  const service = target.start({ ...env, ...settings }, args, {
    command: [process.execPath, '--max-semi-space-size=32', 'dist/src/cli/wado-consumer.cjs'],
  });
  const usage = watch(service.pid);
  let mostWaiting = 0;
  let unlisted = 0;
  let began = Number.NaN;
  let before = 0;
  for (;;) {
    await sleep(POLL_MS);
    const text = await fetch(`http://${METRICS}/metrics`)
      .then((answer) => answer.text())
      .catch(() => '');
    const acked = sumOf(text, 'wado_records_acked');
    if (Number.isNaN(began) && acked > 0) {
      began = performance.now();
      before = acked;
    }
    mostWaiting = Math.max(mostWaiting, sumOf(text, 'wado_records_waiting'));
    unlisted = Math.max(unlisted, sumOf(text, 'wado_commit_metadata_overflow_offsets'));
    if (acked < good) continue;
    const seconds = (performance.now() - began) / 1_000;
    const { cpuSeconds, rssMb } = usage();
    await service.signal('SIGKILL');
    const cpuMicros = (cpuSeconds * 1e6) / acked;
    return { rate: (acked - before) / seconds, cpuMicros, rssMb, mostWaiting, unlisted };
  }
}

function sumOf(metrics: string, name: string): number {
  return [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}
