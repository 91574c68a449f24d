/**
 * The TopologyTestDriver: how long a batch of 50 records takes, from piping it in to reading the output, without a broker, a database or a
 * file. It needs no services.
 *
 *   npm run bench -- driver [--batches 2000]
 */
import { parseArgs } from 'node:util';
import { storeMeta } from '../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../src/testing/topology-test-driver.ts';
import { markdown } from './markdown.ts';
import { median } from './median.ts';

const RECORDS = 50;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { batches: { type: 'string' } } });
  const batches = Number(values.batches ?? 2_000);
  const rows = [];
  for (const exactlyOnce of [false, true]) {
    const times = [];
    for (let batch = 0; batch < batches; batch++) times.push(await timeOne(exactlyOnce));
    times.sort((a, b) => a - b);
    const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
    rows.push([exactlyOnce ? 'exactly once' : 'at least once', median(times).toFixed(2), p99.toFixed(2)]);
  }
  console.log(markdown(['50 records', 'median ms', 'p99 ms'], rows));
}

/** A driver, a batch, and its output. */
async function timeOne(exactlyOnce: boolean): Promise<number> {
  const records = Array.from({ length: RECORDS }, () => storeMeta());
  const start = performance.now();
  await using driver = new TopologyTestDriver({ exactlyOnce });
  await driver.createInputTopic().pipeValues(records);
  const published = driver.createOutputTopic('dicom_image_queue').readRecords();
  if (published.length !== RECORDS || driver.committed() !== RECORDS) throw new Error('a batch is incomplete');
  return performance.now() - start;
}
