import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { type LoadRecord, makeLoad } from '../../src/testing/load.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { findConnect } from '../support/connect.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
/** CI takes 20,000. Whole batches: then both engines form the same ones. */
const BATCH = 50;
const RECORDS = Math.ceil(Number(process.env.WADO_TEST_RECORDS ?? 5_000) / BATCH) * BATCH;
const TABLES = ['dicom_object_meta', 'dicom_state_meta', 'dicom_image_meta'];
const MANIFESTS = fileURLToPath(new URL('../../plugins/*.yaml', import.meta.url));

const connect = findConnect();

interface Loads {
  readonly early: readonly LoadRecord[];
  /** The records whose files arrive later, one series each: then it doesn't matter which of them are retried together. */
  readonly late: readonly LoadRecord[];
}

/** Publishes two batches, a batch whose files are late, and the rest, of which every RECORDS/8-th record can't be processed. */
async function publish(pipeline: Pipeline): Promise<Loads> {
  const early = await collect(
    makeLoad({ root: pipeline.store, count: RECORDS - BATCH, poisonEvery: Math.floor(RECORDS / 8) }),
  );
  const late = await collect(makeLoad({ root: lateFolder(pipeline), count: BATCH, seed: 2, imagesPerSeries: 1 }));
  const producer = createProducer({
    name: 'load',
    config: { 'bootstrap.servers': pipeline.brokers, 'linger.ms': 5 },
    deadlineMs: 60 * SECONDS,
  });
  const records = [...early.slice(0, 2 * BATCH), ...late, ...early.slice(2 * BATCH)];
  for (let at = 0; at < records.length; at += 1_000) {
    const part = records.slice(at, at + 1_000);
    await producer.send(part.map(({ key, value }) => ({ topic: pipeline.topics.input, key, value })));
  }
  await producer.close();
  return { early, late };
}

async function collect(load: AsyncIterable<LoadRecord>): Promise<LoadRecord[]> {
  const records: LoadRecord[] = [];
  for await (const record of load) records.push(record);
  return records;
}

const lateFolder = (pipeline: Pipeline) => join(pipeline.store, 'late');
const hidden = (pipeline: Pipeline) => `${pipeline.store}.hidden`;

interface Result {
  readonly rows: Readonly<Record<string, readonly string[]>>;
  readonly states: readonly string[];
  readonly images: readonly string[];
  readonly deadLetters: readonly string[];
}

async function resultOf(pipeline: Pipeline): Promise<Result> {
  const client = new pg.Client(pipeline.dsn);
  await client.connect();
  const rows: Record<string, readonly string[]> = {};
  for (const table of TABLES) {
    const { rows: found } = await client.query(`select to_jsonb(t)::text as row from ${table} t`);
    rows[table] = found
      .map(({ row }) => (table === 'dicom_object_meta' ? String(row) : withoutTimes(String(row))))
      .sort();
  }
  await client.end();
  const { state, image, deadLetter } = pipeline.topics;
  return {
    rows,
    states: (await recordsOf(pipeline.brokers, state)).map(withoutTimes).sort(),
    images: (await recordsOf(pipeline.brokers, image)).map(withoutTimes).sort(),
    deadLetters: await recordsOf(pipeline.brokers, deadLetter),
  };
}

/** State and image records say when they were made. */
function withoutTimes(json: string): string {
  return json.replaceAll(/((?:created|updated)_time\\*": ?\\*")[^"\\]*/g, '$1…');
}

/** Key, value and headers of every record of a topic, sorted: which partition has it and when it came is no part of the result. */
async function recordsOf(brokers: string, topic: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key, value, headers } of readTopic({ 'bootstrap.servers': brokers }, topic)) {
    const named = headers.map(([name, bytes]) => [name, bytes?.toString() ?? null]).sort();
    found.push(
      JSON.stringify({ key: key?.toString() ?? null, value: value?.toString('latin1') ?? null, headers: named }),
    );
  }
  return found.sort();
}

/** Consumes the input of `source` into the topics and the database of `target`; the late files come when the first images are published. */
async function run(source: Pipeline, target: Pipeline, loads: Loads, engine: 'node' | 'connect'): Promise<Result> {
  const config = join(target.folder, 'redpanda.yaml');
  const shipped = readFileSync(new URL('../../redpanda.yaml', import.meta.url), 'utf8');
  // A batch that its period closes would have other records than the other engine's.
  writeFileSync(config, shipped.replace('period: 5s', 'period: 10m'));
  const env = {
    STORAGE_TOPIC: source.topics.input,
    STORAGE_ROOT: source.store,
    FILE_WAIT: '10s',
    RPC_PLUGINS: MANIFESTS,
  };
  renameSync(lateFolder(source), hidden(source));
  const service = target.start(env, [], { config, ...(engine === 'node' ? {} : { command: [connect ?? ''] }) });
  await untilPublished(target);
  await new Promise((resolve) => setTimeout(resolve, SECONDS));
  expect(await publishedOf(target, loads.late)).toBe(0);
  renameSync(hidden(source), lateFolder(source));
  await source.untilGroupCommitted(target.group, 200 * SECONDS);
  expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
  return await resultOf(target);
}

async function untilPublished(pipeline: Pipeline): Promise<void> {
  const admin = createAdmin({ 'bootstrap.servers': pipeline.brokers });
  const deadline = performance.now() + 60 * SECONDS;
  for (;;) {
    const ends = await admin.endOffsets(pipeline.topics.image);
    if (ends.some(({ offset }) => offset > 0)) break;
    if (performance.now() > deadline) throw new Error(`nothing is published; see ${pipeline.log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  admin.close();
}

/** How many of the records have an image in the topic. */
async function publishedOf(pipeline: Pipeline, records: readonly LoadRecord[]): Promise<number> {
  const instances = new Set(records.map(({ expected }) => expected?.instance));
  let found = 0;
  for await (const { value } of readTopic({ 'bootstrap.servers': pipeline.brokers }, pipeline.topics.image)) {
    const { sop_uid: instance }: { readonly sop_uid: string } = JSON.parse(value?.toString() ?? '{}');
    if (instances.has(instance)) found++;
  }
  return found;
}

await describeWith(['kafka', 'postgres'], `the two engines on ${RECORDS} records`, ({ kafka, postgres }) => {
  const create = () => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions: 1 });

  describe.skipIf(connect === undefined)(
    'with a real Redpanda Connect (scripts/lint-with-connect.sh builds it)',
    () => {
      it('end in the same rows, output records and dead letters', { timeout: 600 * SECONDS }, async () => {
        await using node = await create();
        await using other = await create();
        mkdirSync(lateFolder(node));
        const loads = await publish(node);
        const ours = await run(node, node, loads, 'node');
        const theirs = await run(node, other, loads, 'connect');

        const poison = loads.early.filter(({ expected }) => expected === undefined).length;
        expect(ours.deadLetters).toHaveLength(poison);
        expect(ours.images).toHaveLength(RECORDS - poison);
        expect(ours.rows.dicom_object_meta).toHaveLength(RECORDS - poison);
        expect(poison).toBeGreaterThanOrEqual(7);
        for (const table of TABLES) expect(difference(theirs.rows[table], ours.rows[table]), table).toEqual(NONE);
        expect(difference(theirs.deadLetters, ours.deadLetters), 'dead letters').toEqual(NONE);
        expect(difference(theirs.images, ours.images), 'images').toEqual(NONE);
        expect(difference(theirs.states, ours.states), 'states').toEqual(NONE);
      });
    },
  );
});

const NONE = { missing: 0, extra: 0, examples: [] };

/** What one multiset lacks and what it has in addition, with an example of each. */
function difference(found: readonly string[] = [], expected: readonly string[] = []) {
  const counts = new Map<string, number>();
  for (const each of expected) counts.set(each, (counts.get(each) ?? 0) + 1);
  for (const each of found) counts.set(each, (counts.get(each) ?? 0) - 1);
  const times = (sign: number) => [...counts].filter(([, count]) => count * sign > 0);
  const [missing, extra] = [times(1), times(-1)];
  const sum = (entries: readonly (readonly [string, number])[]) => entries.reduce((all, [, n]) => all + Math.abs(n), 0);
  return { missing: sum(missing), extra: sum(extra), examples: [...missing.slice(0, 1), ...extra.slice(0, 1)] };
}
