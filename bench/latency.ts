/**
 * Latency of the built service: from producing a record until its row is committed, and until the broker has its image record.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- latency [--seconds 10] [--rates 10,1000,10000]
 *
 * PostgreSQL must record commit times: `alter system set track_commit_timestamp = on`, then `scripts/services.sh restart postgres`.
 * The rates are run with batching.period at 5 s (as shipped), at 100 ms, and at 5 s with flush_when_idle.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import { createAdmin } from '../src/kafka/admin/admin.ts';
import { readTopic } from '../src/kafka/admin/read-topic.ts';
import { createProducer } from '../src/kafka/producer/producer.ts';
import { makeLoad } from '../src/testing/load.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { markdown } from './markdown.ts';

const BATCHING = 'input.redpanda.unordered_processing.batching';
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  '5 s (shipped)': [],
  '100 ms': ['-s', `${BATCHING}.period=100ms`],
  '5 s, flush_when_idle': ['-s', `${BATCHING}.flush_when_idle=true`],
};
const WARM_UP = 200;
const TICK_MS = 5;

interface Prepared {
  readonly traceId: string;
  readonly sopUid: string;
  readonly key: string;
  readonly value: string;
}

/** By trace id or SOP instance UID, in milliseconds since the epoch. */
type Times = ReadonlyMap<string, number>;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: { type: 'string' }, rates: { type: 'string' } },
  });
  const seconds = Number(values.seconds ?? 10);
  const rates = (values.rates ?? '10,1000,10000').split(',').map(Number);
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');

  const rows: string[][] = [];
  for (const rate of rates) {
    for (const [name, options] of Object.entries(VARIANTS)) {
      await using pipeline = await Pipeline.create({ brokers, dsn });
      console.error(`${rate} records/s, batching.period ${name}`);
      const { table, topic } = await measure(pipeline, rate, seconds, options);
      rows.push([String(rate), name, ...figures(table), ...figures(topic)]);
    }
  }
  const columns = ['p50', 'p99', 'max'];
  console.log(
    markdown(
      [
        'records/s',
        'batching.period',
        ...columns.map((each) => `row committed, ${each}, ms`),
        ...columns.map((each) => `record published, ${each}, ms`),
      ],
      rows,
    ),
  );
}

async function measure(pipeline: Pipeline, rate: number, seconds: number, options: readonly string[]) {
  await migratePostgres(pipeline.dsn);
  const records = await prepare(pipeline, WARM_UP + rate * seconds);
  const imageTopic = `${pipeline.name}.timed`;
  const admin = createAdmin({ 'bootstrap.servers': pipeline.brokers });
  await admin.createTopics([imageTopic], 6, { 'message.timestamp.type': 'LogAppendTime' });
  pipeline.start({ LOG_LEVEL: 'WARN', IMAGE_TOPIC: imageTopic }, options);
  const producer = createProducer({
    name: 'load',
    config: { 'bootstrap.servers': pipeline.brokers, 'linger.ms': 1 },
    deadlineMs: 60_000,
  });
  const produced = new Map<string, number>();
  const send = async (some: readonly Prepared[]) => {
    const at = now();
    for (const { traceId } of some) produced.set(traceId, at);
    await producer.send(some.map(({ key, value }) => ({ topic: pipeline.topics.input, key, value })));
  };
  await send(records.slice(0, WARM_UP));
  await pipeline.untilCommitted(60_000);
  await sendSteadily(records.slice(WARM_UP), rate, send);
  await pipeline.untilCommitted(120_000);
  await producer.close();
  const committed = await commitTimes(pipeline.dsn);
  const appended = await appendTimes(pipeline.brokers, imageTopic);
  await admin.deleteTopics([imageTopic]);
  admin.close();
  const timed = records.slice(WARM_UP);
  return {
    table: latencies(timed, produced, committed, ({ traceId }) => traceId),
    topic: latencies(timed, produced, appended, ({ sopUid }) => sopUid),
  };
}

/** Writes the files before anything is measured. */
async function prepare(pipeline: Pipeline, count: number): Promise<readonly Prepared[]> {
  const records: Prepared[] = [];
  for await (const { key, value, expected } of makeLoad({ root: pipeline.store, count, fileBytes: 256 }))
    if (expected !== undefined) records.push({ traceId: expected.traceId, sopUid: expected.instance, key, value });
  return records;
}

async function sendSteadily(
  records: readonly Prepared[],
  rate: number,
  send: (some: readonly Prepared[]) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const sending: Promise<void>[] = [];
  for (let sent = 0; sent < records.length; ) {
    const due = Math.min(records.length, Math.floor(((performance.now() - began) * rate) / 1_000) + 1);
    if (due > sent) sending.push(send(records.slice(sent, due)));
    sent = due;
    await sleep(TICK_MS);
  }
  await Promise.all(sending);
}

/** When the broker appended each image record, by SOP instance UID. */
async function appendTimes(brokers: string, topic: string): Promise<Times> {
  const times = new Map<string, number>();
  for await (const { value, timestamp } of readTopic({ 'bootstrap.servers': brokers }, topic)) {
    const image: Record<string, unknown> = JSON.parse(value?.toString() ?? '{}');
    times.set(String(image.sop_uid), timestamp);
  }
  return times;
}

async function commitTimes(dsn: string): Promise<Times> {
  const client = new pg.Client(dsn);
  await client.connect();
  try {
    const { rows } = await client.query<{ trace_id: string; at: number }>(
      `select trace_id, extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 as at from dicom_object_meta`,
    );
    return new Map(rows.map((row) => [row.trace_id, Number(row.at)]));
  } finally {
    await client.end();
  }
}

function latencies(
  records: readonly Prepared[],
  from: Times,
  to: Times,
  key: (record: Prepared) => string,
): readonly number[] {
  return records
    .flatMap((record) => {
      const [began, ended] = [from.get(record.traceId), to.get(key(record))];
      return began === undefined || ended === undefined ? [] : [ended - began];
    })
    .sort((a, b) => a - b);
}

function figures(sorted: readonly number[]): string[] {
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return [at(0.5), at(0.99), sorted.at(-1)].map((ms) => (ms === undefined ? '–' : ms.toFixed(0)));
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
