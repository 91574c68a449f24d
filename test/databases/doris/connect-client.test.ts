import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { migrateDoris } from '../../../src/databases/doris/migrate.ts';
import { sourceOrder } from '../../../src/databases/doris/source-order.ts';
import type { Row } from '../../../src/records/records.ts';
import { recordOf } from '../../../src/testing/sink-contract-batches.ts';
import { findConnect } from '../../support/connect.ts';
import { type DorisDouble, startDorisDouble } from '../../support/doris/double.ts';

const connect = findConnect();
const trace = (n: number) => `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`;

/** State rows of 40 series, each in 5 versions, as JSON with their numbers in the sequence column. */
const states = Array.from({ length: 200 }, (_, n) => {
  const { state } = recordOf({
    trace_id: trace(n),
    series_uid: `1.2.${n % 40}`,
    created_time: `2026-01-01T00:00:0${(n * 7) % 10}.${String(n).padStart(6, '0')}`,
    patient_id: `P${n}`,
  });
  if (state === null) throw new Error('no state row');
  return state;
});
const lineOf = (row: Row) =>
  JSON.stringify({ ...JSON.parse(String(row.json)), source_order: sourceOrder(row.version) });

/** The PatientID that each series must end with: that of its greatest version. */
const winners = Array.from({ length: 40 }, (_, series) => {
  const versions = states.filter((_, n) => n % 40 === series);
  const greatest = versions.reduce((a, b) => (BigInt(sourceOrder(b.version)) > BigInt(sourceOrder(a.version)) ? b : a));
  return `1.2.${series} ${JSON.parse(String(greatest.json)).patient_id}`;
}).sort();

describe.skipIf(connect === undefined)("Redpanda Connect's own doris_stream_load, against the double", () => {
  let double: DorisDouble;
  let folder: string;
  const running = new Set<ChildProcess>();

  beforeEach(async () => {
    double = await startDorisDouble({ frontends: 2, backends: 2 });
    folder = mkdtempSync(path.join(tmpdir(), 'doris-connect-'));
    await migrateDoris(double.dsn());
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    running.clear();
    await double.close();
    rmSync(folder, { recursive: true });
  });

  /** Starts Connect with the lines as its input; it ends after the last one is acknowledged. */
  function start(lines: readonly string[], fields: Record<string, unknown> = {}): ChildProcess {
    const input = path.join(folder, 'lines');
    writeFileSync(input, lines.join('\n'));
    const file = path.join(folder, 'connect.yaml');
    const output = {
      fe_urls: double.frontends.map((name) => `http://${name}`),
      database: double.cluster.database,
      table: 'dicom_state_meta',
      username: double.cluster.user,
      password: double.cluster.password,
      strict_mode: true,
      timeout: '5s',
      batching: { count: 20, period: '1s' },
      ...fields,
    };
    const config = {
      http: { enabled: false },
      input: { file: { paths: [input], scanner: { lines: {} } } },
      output: { doris_stream_load: output },
    };
    writeFileSync(file, stringify(config));
    const child = spawn(connect ?? '', ['run', file], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  }

  const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve));
  const logged = (child: ChildProcess, text: RegExp) =>
    new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        if (text.test(String(chunk))) resolve();
      });
    });
  const patients = () =>
    double
      .rows('dicom_state_meta')
      .map((row) => `${row.series_uid} ${row.patient_id}`)
      .sort();

  it.each([
    ['lines', {}],
    ['an array', { read_json_by_line: false, strip_outer_array: true }],
    [
      'lines with named columns, as a partial update',
      {
        columns: [
          'tenant_id',
          'study_uid',
          'series_uid',
          'patient_id',
          'study_uid_hash',
          'series_uid_hash',
          'study_date',
          'study_date_origin',
          'source_order',
        ],
        headers: { partial_columns: 'true' },
      },
    ],
  ])('loads JSON as %s, and the greatest version of each series stays', async (_, fields) => {
    expect(await ended(start(states.map(lineOf), fields))).toBe(0);
    expect(patients()).toEqual(winners);
    expect(double.cluster.received.length).toBeGreaterThanOrEqual(10);
    for (const load of double.cluster.received) expect(load.headers.expect).toBe('100-continue');
  });

  it('takes Publish Timeout and its own finished label as stored, and repeats a load whose answer is cut', async () => {
    double.cluster.injectFault({ kind: 'publish_timeout' });
    double.cluster.injectFault({ kind: 'cut_after_commit' });
    double.cluster.injectFault({ kind: 'cut_before_commit' });
    expect(await ended(start(states.map(lineOf)))).toBe(0);
    double.cluster.transactions.publishAll();
    expect(patients()).toEqual(winners);
  });

  it('learns which load was refused for its rows, and stores nothing of it', async () => {
    const row = JSON.parse(lineOf(states[0] as Row));
    const child = start([JSON.stringify({ ...row, patient_name: 'x'.repeat(300) })]);
    await logged(child, /too many filtered rows/);
    child.kill('SIGKILL');
    await ended(child);
    expect(double.rows('dicom_state_meta')).toEqual([]);
    expect(new Set(double.cluster.transactions.all.map(({ state }) => state))).toEqual(new Set(['ABORTED']));
  });

  it('killed with SIGKILL in the middle of loads and started again, leaves the rows as they should be', async () => {
    for (let n = 0; n < 12; n++) double.cluster.injectFault({ kind: 'delay', ms: 150 });
    for (const kills of [1, 2, 3]) {
      const before = double.cluster.transactions.all.length;
      const child = start(states.map(lineOf), { max_in_flight: 4 });
      while (double.cluster.transactions.all.length < before + 2 * kills)
        await new Promise((resolve) => setTimeout(resolve, 10));
      child.kill('SIGKILL');
      await ended(child);
    }
    expect(await ended(start(states.map(lineOf)))).toBe(0);
    expect(patients()).toEqual(winners);
    expect(new Set(double.cluster.transactions.all.map(({ state }) => state))).toContain('ABORTED');
  });

  it('is refused with a wrong password before a BE receives anything', async () => {
    const child = start(states.map(lineOf), { password: 'wrong' });
    await logged(child, /401/);
    child.kill('SIGKILL');
    await ended(child);
    expect(double.cluster.received).toEqual([]);
  });
});
