/**
 * CPU time per record of each task on the main thread, which all records pass. Each task is measured alone, over the
 * same records.
 *
 *   npm run bench -- task-costs [--records 50000] [--rounds 5]
 *
 * The figure is the median of the rounds after one warm-up round. Shares are of the sum of all tasks.
 */
import { parseArgs } from 'node:util';
import { coalesceRows, recordBytes } from '../src/databases/coalesce.ts';
import { KafkaOrigin, kafkaOrigin } from '../src/kafka/consumer/origin.ts';
import { WatermarkTracker } from '../src/kafka/consumer/watermark.ts';
import { parseRecord } from '../src/operators/parse-records.ts';
import { createLogger } from '../src/ops/logger.ts';
import { createMetrics } from '../src/ops/metrics.ts';
import type { ConsumedRecord, GroupedRecord, PublishedRow, StoredFile } from '../src/records/records.ts';
import { storeMeta } from '../src/testing/store-meta.ts';
import { markdown } from './markdown.ts';
import { median } from './median.ts';

const BATCH = 50;
const PARTITIONS = 6;
const TOPIC = 'storage_queue';

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string' }, rounds: { type: 'string' } },
  });
  const records = consumed(Number(values.records ?? 50_000));
  const rounds = Number(values.rounds ?? 5);
  const costs = tasks(records).map(({ name, work }) => ({ name, micros: costOf(work, records.length, rounds) }));
  const sum = costs.slice(1).reduce((total, { micros }) => total + micros, 0);
  const rows = costs.map(({ name, micros }, i) => [
    name,
    micros.toFixed(2),
    i === 0 ? '' : `${((micros / sum) * 100).toFixed(0)} %`,
  ]);
  console.log(markdown(['task', 'CPU µs/record', 'share'], rows));
}

interface Task {
  readonly name: string;
  readonly work: () => unknown;
}

/** The first one is for comparison only: the cost of JSON.parse without validation. */
function tasks(records: readonly ConsumedRecord[]): readonly Task[] {
  const files = records.map((record) => parseRecord(record)).filter((record) => record.kind === 'file');
  const units = files.map(unitOf);
  return [
    { name: '(JSON.parse alone)', work: () => records.map(({ value }) => JSON.parse(value?.toString() ?? '')) },
    { name: 'parse and validate, with the object row', work: () => records.map((record) => parseRecord(record)) },
    {
      name: 'latest row per key, and size of a statement',
      work: () => batchesOf(units).map((batch) => [coalesceRows(batch), batch.map(recordBytes)]),
    },
    { name: 'watermark: track, acknowledge, take committable', work: () => keepWatermark(records) },
    { name: 'record ledger: consumed, acked', work: () => countRecords(records) },
    { name: 'metrics of a batch, all components', work: () => countBatches(records) },
    { name: 'one log line per batch', work: () => logBatches(records) },
  ];
}

function keepWatermark(records: readonly ConsumedRecord[]): void {
  const tracker = new WatermarkTracker();
  tracker.assign(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition })));
  for (const batch of batchesOf(records)) {
    const offsets = batch.map((record) => kafkaOrigin(record.origin));
    for (const offset of offsets) tracker.track(offset);
    tracker.ack(offsets);
    tracker.takeCommittable();
  }
}

function countRecords(records: readonly ConsumedRecord[]): void {
  const { records: ledger } = createMetrics({ process: false });
  for (const batch of batchesOf(records)) {
    ledger.consumed(batch.length);
    ledger.acked(batch.map((record) => record.origin));
  }
}

function countBatches(records: readonly ConsumedRecord[]): void {
  const metrics = createMetrics({ process: false });
  const component = { label: '', path: 'root.input' };
  const input = metrics.input(component);
  const processor = metrics.processor(component);
  // One database and two topics.
  const outputs = ['a', 'b', 'c'].map((label) => metrics.output({ label, path: 'root.output' }));
  batchesOf(records).forEach((batch, i) => {
    input.received(batch.length);
    input.batchCreated('count');
    processor.received(batch.length);
    processor.latency(i % 97);
    processor.sent(batch.length);
    for (const output of outputs) {
      output.sent(batch.length);
      output.latency(i % 89);
    }
    input.latency(i % 101);
  });
}

function logBatches(records: readonly ConsumedRecord[]): void {
  const logger = createLogger({ destination: { write: () => undefined } });
  for (const batch of batchesOf(records)) {
    logger.info({ records: batch.length, ms: 40, deadLetters: 0, offsets: { 0: 1, 1: 2, 2: 3 } }, 'batch acknowledged');
  }
}

function batchesOf<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, i) => items.slice(i * BATCH, (i + 1) * BATCH));
}

function consumed(count: number): readonly ConsumedRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const meta = storeMeta({ sop_uid: `1.2.826.0.1.3680043.10.9999.${i}`, series_uid: `1.2.826.0.1.${i % 1_000}` });
    const value = Buffer.from(JSON.stringify(meta));
    const origin = new KafkaOrigin({ topic: TOPIC, partition: i % PARTITIONS, offset: Math.floor(i / PARTITIONS) });
    return { origin, key: Buffer.from(meta.trace_id), value, headers: [] };
  });
}

/** Rows of the usual size, as the header reader returns them. */
function unitOf(file: StoredFile, i: number): GroupedRecord {
  const { version, object } = file;
  const row = (identity: string, size: number): PublishedRow => ({
    identity,
    version,
    key: identity,
    json: Buffer.from(`{"a":"${'x'.repeat(size)}"}`),
  });
  return {
    file,
    object,
    state: i % BATCH === 0 ? row(`${file.tenantId}.${Math.floor(i / BATCH)}`, 900) : null,
    image: row(`${file.tenantId}.${i}`, 1_100),
  };
}

function costOf(work: () => unknown, records: number, rounds: number): number {
  work();
  const micros = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / records;
  });
  return median(micros);
}
