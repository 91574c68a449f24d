/**
 * Memory of the service while millions of records are waiting: at full speed, and with a database that never answers.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- stalled [--records 1000000] [--seconds 70]
 *
 * The records of a thousand files are published repeatedly. They are compressed: 5,000,000 take less than 1 GB of disk.
 */

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createProducer } from '../src/kafka/producer/producer.ts';
import { startDatabaseProxy } from '../src/testing/database-proxy.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { markdown } from './markdown.ts';

const FILES = 1_000;
const BATCH = 20_000;
const GOAL_MB = { 'at full speed': 350, 'a database that never answers': 256 } as const;
type Case = keyof typeof GOAL_MB;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string' }, seconds: { type: 'string' } },
  });
  const records = Number(values.records ?? process.env.WADO_BENCH_RECORDS ?? 1_000_000);
  const seconds = Number(values.seconds ?? 70);
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');

  await using source = await Pipeline.create({ brokers, dsn });
  const began = performance.now();
  await publish(source, records);
  console.error(`published ${records} records in ${Math.round((performance.now() - began) / 1_000)} s`);

  const rows: string[][] = [];
  for (const name of ['a database that never answers', 'at full speed'] as const) {
    const { rssMb, waiting } = await memory(source, name, seconds);
    rows.push([name, String(waiting), String(seconds), String(Math.round(rssMb)), `≤ ${GOAL_MB[name]}`]);
  }
  console.log(markdown(['sink', 'records waiting at the end', 'seconds', 'RSS max MiB', 'goal'], rows));
}

/** Publishes the records of the same thousand files until there are `count`. */
async function publish(pipeline: Pipeline, count: number): Promise<void> {
  const load = await pipeline.publish({ count: FILES });
  const producer = createProducer({
    name: 'load',
    config: {
      'bootstrap.servers': pipeline.brokers,
      // Large batches, as a bulk producer with librdkafka's defaults makes them: 1 MB before compression.
      'compression.codec': 'lz4',
      'linger.ms': 100,
      'queue.buffering.max.messages': 2 * BATCH,
    },
    deadlineMs: 120_000,
  });
  const records = Array.from({ length: BATCH }, (_, i) => load[i % FILES]).flatMap((record) =>
    record === undefined ? [] : [{ topic: pipeline.topics.input, key: record.key, value: record.value }],
  );
  for (let sent = FILES; sent < count; sent += BATCH) await producer.send(records.slice(0, count - sent));
  await producer.close();
}

async function memory(source: Pipeline, name: Case, seconds: number): Promise<{ rssMb: number; waiting: number }> {
  await using target = await Pipeline.create({
    brokers: source.brokers,
    dsn: process.env.WADO_TEST_POSTGRES_DSN ?? '',
  });
  const proxy = await startDatabaseProxy(target.dsn);
  const service = target.start({
    POSTGRES_DSN: proxy.dsn,
    STORAGE_TOPIC: source.topics.input,
    STORAGE_ROOT: source.store,
    // As in the image.
    MALLOC_ARENA_MAX: '2',
  });
  while (!existsSync(target.log) || !target.logText().includes('"batch acknowledged"')) await sleep(50);
  if (name === 'a database that never answers') proxy.blackHole(true);
  await sleep(seconds * 1_000);
  const rssMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  const waiting = await source.lag(target.group);
  await service.signal('SIGKILL');
  await proxy.close();
  return { rssMb, waiting };
}
