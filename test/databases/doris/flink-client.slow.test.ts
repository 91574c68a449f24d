import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrateDoris } from '../../../src/databases/doris/migrate.ts';
import { recordOf } from '../../../src/testing/sink-contract-batches.ts';
import { type DorisDouble, startDorisDouble } from '../../support/doris/double.ts';

/** The folder of jars that test/support/doris/flink-pom.xml names. */
const jars = process.env.WADO_TEST_FLINK_JARS;
const client = path.join(import.meta.dirname, '../../support/doris/FlinkDorisClient.java');
const lines = Array.from({ length: 300 }, (_, n) => {
  const { object } = recordOf({ trace_id: String(n % 200).padStart(36, '0') }).file;
  return String(object.json);
});

/** Runs Flink's Doris connector; resolves to its exit code. */
async function runFlink(double: DorisDouble, mode: 'batch' | 'two_phase'): Promise<number | null> {
  const folder = mkdtempSync(path.join(tmpdir(), 'doris-flink-'));
  const file = path.join(folder, 'lines');
  writeFileSync(file, lines.join('\n'));
  const { user, password, database } = double.cluster;
  const login = [double.frontends.join(','), user, password, `${database}.dicom_object_meta`, file, mode];
  const java = ['-Xmx512m', '--add-opens=java.base/java.util=ALL-UNNAMED', '-cp', `${jars}/*`, client, ...login];
  const child = spawn('java', java, { stdio: 'ignore' });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  rmSync(folder, { recursive: true });
  return code;
}

describe.skipIf(jars === undefined)(
  "Flink's Doris connector, against the double (WADO_TEST_FLINK_JARS names its jars)",
  () => {
    it.each(['batch', 'two_phase'] as const)('loads all rows in the mode %s', { timeout: 120_000 }, async (mode) => {
      const double = await startDorisDouble({ frontends: 1, backends: 2 });
      try {
        await migrateDoris(double.dsn());
        expect(await runFlink(double, mode)).toBe(0);
        expect(double.rows('dicom_object_meta')).toHaveLength(200);
        const phases = new Set(double.cluster.received.map(({ headers }) => headers.two_phase_commit));
        expect(phases).toEqual(new Set([mode === 'two_phase' ? 'true' : undefined]));
        // Before its first load it aborts what an earlier run may have left.
        const open = double.cluster.transactions.all.filter(({ state }) => state !== 'VISIBLE' && state !== 'ABORTED');
        expect(open).toEqual([]);
      } finally {
        await double.close();
      }
    });
  },
);
