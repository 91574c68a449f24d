import { describe, expect, it } from 'vitest';
import { DicomReadError } from '../../src/errors.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { observeReader, reportWorkerLoss } from '../../src/ops/observe.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

const input = { label: '', path: 'root.input' };
const output = { label: 'postgres', path: 'root.output.reject_errored.broker.outputs.0' };

describe('the metrics', () => {
  it('have every series of a component from the start, under Redpanda Connect’s names and labels', async () => {
    const metrics = createMetrics({ process: false });
    metrics.input(input);
    metrics.processor({ label: 'group', path: 'root.pipeline.processors.0' });
    metrics.output(output);
    const text = await metrics.text();
    for (const name of ['received', 'connection_up', 'connection_failed', 'connection_lost']) {
      expect(text).toContain(`input_${name}{label="",path="root.input"} 0`);
    }
    for (const name of ['received', 'batch_received', 'sent', 'batch_sent', 'error']) {
      expect(text).toContain(`processor_${name}{label="group",path="root.pipeline.processors.0"} 0`);
    }
    for (const name of ['sent', 'batch_sent', 'error', 'connection_up', 'connection_failed', 'connection_lost']) {
      expect(text).toContain(`output_${name}{label="postgres",path="${output.path}"} 0`);
    }
  });

  it('count the records and the batch with one call per batch', async () => {
    const metrics = createMetrics({ process: false });
    const postgres = metrics.output(output);
    postgres.sent(50);
    postgres.sent(20);
    postgres.error();
    const text = await metrics.text();
    expect(text).toContain(`output_sent{label="postgres",path="${output.path}"} 70`);
    expect(text).toContain(`output_batch_sent{label="postgres",path="${output.path}"} 2`);
    expect(text).toContain(`output_error{label="postgres",path="${output.path}"} 1`);
  });

  it('count files whose header could not be read, but not those that are still being read', async () => {
    const metrics = createMetrics({ process: false });
    const error = new DicomReadError('read_timeout');
    const failures = [
      { index: 0, error },
      { index: 1, error, unfinished: true },
    ];
    const reader = { read: async () => ({ states: [], images: [], failures }), close: async () => undefined };
    await observeReader(reader, metrics.processor({ label: 'group', path: 'p' })).read([]);
    expect(await metrics.text()).toContain('processor_error{label="group",path="p"} 1');
  });

  it('report latencies as summaries in nanoseconds', async () => {
    const metrics = createMetrics({ process: false });
    metrics.input(input).latency(2);
    const text = await metrics.text();
    expect(text).toContain('# TYPE input_latency_ns summary');
    expect(text).toMatch(/^input_latency_ns\{quantile="0.99",label="",path="root.input"\} 200\d{4}$/m);
    expect(text).toContain('input_latency_ns_sum{label="",path="root.input"} 2000000');
    expect(text).toContain('input_latency_ns_count{label="",path="root.input"} 1');
  });

  it('report the lag under both of Connect’s names, NaN while it is unknown, until the partition is revoked', async () => {
    const metrics = createMetrics({ process: false });
    const source = metrics.input(input);
    source.lag('storage_queue', 3, 17);
    source.lag('storage_queue', 4, undefined);
    for (const name of ['redpanda_lag', 'kafka_lag']) {
      expect(await metrics.series(name)).toEqual([
        { labels: { label: '', path: 'root.input', topic: 'storage_queue', partition: '3' }, value: 17 },
        { labels: { label: '', path: 'root.input', topic: 'storage_queue', partition: '4' }, value: Number.NaN },
      ]);
    }
    source.lagGone('storage_queue', 4);
    source.lagGone('storage_queue', 3);
    expect(await metrics.series('redpanda_lag')).toEqual([]);
    expect(await metrics.series('kafka_lag')).toEqual([]);
  });

  it('count batches by what closed them', async () => {
    const metrics = createMetrics({ process: false });
    metrics.input(input).batchCreated('count');
    metrics.input(input).batchCreated('count');
    metrics.input(input).batchCreated('period');
    const text = await metrics.text();
    expect(text).toContain('batch_created{label="",path="root.input.batching",mechanism="count"} 2');
    expect(text).toContain('batch_created{label="",path="root.input.batching",mechanism="period"} 1');
  });

  it('show the accounting at the time they are read', async () => {
    const { records, text } = createMetrics({ process: false });
    let inFlight = 0;
    records.inFlight(() => inFlight);
    records.waiting(() => 2);
    records.consumed(100);
    const settled = Array.from({ length: 84 }, () => new MemoryOrigin());
    settled.slice(80).forEach((origin, i) => {
      records.deadLetter(origin, i < 3 ? 'not_json' : 'missing_required');
    });
    records.acked(settled);
    records.released(4);
    inFlight = 10;
    const { consumed, acked, deadLettered, released, waiting, ...rest } = records.read();
    expect(consumed).toBe(acked + deadLettered + released + rest.inFlight + waiting);
    expect(rest.deadLetters).toEqual({ not_json: 3, missing_required: 1 });

    const first = await text();
    expect(await text()).toBe(first);
    for (const line of [
      'wado_records_consumed 100',
      'wado_records_acked 80',
      'wado_records_released 4',
      'wado_records_in_flight 10',
      'wado_records_waiting 2',
      'wado_records_dead_lettered{code="not_json"} 3',
      'wado_records_dead_lettered{code="missing_required"} 1',
    ]) {
      expect(first.split('\n')).toContain(line);
    }
  });

  it('count dead letters by code, from 0, so that an alert sees the first one', async () => {
    const metrics = createMetrics({ process: false });
    const counts = async () =>
      new Map((await metrics.series('wado_records_dead_lettered')).map(({ labels, value }) => [labels.code, value]));
    const before = await counts();
    for (const code of ['not_json', 'file_missing', 'rejected']) expect(before.get(code)).toBe(0);
    const origin = new MemoryOrigin();
    metrics.records.deadLetter(origin, 'file_missing');
    metrics.records.acked([origin]);
    expect(await counts()).toEqual(new Map([...before, ['file_missing', 1]]));
  });

  it('count lost reader threads by reason, from 0', async () => {
    const metrics = createMetrics({ process: false });
    const lines: string[] = [];
    const logger = createLogger({ destination: { write: (line) => void lines.push(line) } });
    const group = { label: 'group', path: 'root.pipeline.processors.0' };
    const report = reportWorkerLoss(metrics.processor(group), logger);
    const counts = async () =>
      (await metrics.series('wado_reader_workers_lost')).map(({ labels, value }) => [labels, value]);
    expect(await counts()).toEqual([
      [{ ...group, reason: 'blocked' }, 0],
      [{ ...group, reason: 'died' }, 0],
      [{ ...group, reason: 'read_timeout' }, 0],
    ]);
    report('read_timeout');
    report('read_timeout');
    report('died');
    expect((await counts()).map(([, value]) => value)).toEqual([0, 1, 2]);
    expect(lines.map((line) => JSON.parse(line).reason)).toEqual(['read_timeout', 'read_timeout', 'died']);
  });

  it('report whether a storage root is usable, and for how long it is not', async () => {
    const metrics = createMetrics({ process: false });
    const root = { label: '', path: 'root.pipeline.processors.0.group_dicom_state.storage_roots.0' };
    const report = metrics.storageRoot(root);
    const values = (name: string) => async () =>
      (await metrics.series(`wado_storage_root_${name}`)).map((each) => each.value);
    const [usable, seconds] = [values('usable'), values('unusable_seconds')];
    expect([...(await usable()), ...(await seconds())]).toEqual([0, 0]);
    report(undefined);
    expect([...(await usable()), ...(await seconds())]).toEqual([1, 0]);
    report(performance.now() - 90_000);
    expect(await usable()).toEqual([0]);
    expect((await seconds())[0]).toBeGreaterThanOrEqual(90);
  });

  it('are separate for each registry of a process', async () => {
    const one = createMetrics({ process: false });
    const other = createMetrics({ process: false });
    one.output(output).sent(5);
    expect(await one.series('output_sent')).toEqual([{ labels: output, value: 5 }]);
    expect(await other.series('output_sent')).toEqual([]);
  });

  it('include those of the process, such as its event-loop delay', async () => {
    const text = await createMetrics().text();
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  });
});
