import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { describeWith } from '../integration/support/services.ts';
import { connect } from './connect-process.ts';

const ROOT = join(import.meta.dirname, '../..');

if (connect === undefined) {
  it.skip('npm run connect: scripts/connect/build.sh has built no Redpanda Connect', () => undefined);
} else {
  await describeWith(['kafka', 'postgres'], 'npm run connect', ({ kafka, postgres }) => {
    it('stores and publishes the samples on the named servers, continues until Ctrl-C, and leaves nothing there', async () => {
      const databases = async () => {
        const client = new pg.Client(postgres.dsn);
        await client.connect();
        const { rows } = await client.query('select datname from pg_database order by 1');
        await client.end();
        return rows;
      };
      const before = await databases();
      const env = { ...process.env, KAFKA_BROKERS: kafka.brokers, POSTGRES_DSN: postgres.dsn };
      const child = spawn(process.execPath, ['scripts/connect/run.mjs'], {
        cwd: ROOT,
        env,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const group = -(child.pid ?? 0);
      let output = '';
      child.stdout.on('data', (text) => (output += text));
      child.stderr.on('data', (text) => (output += text));
      try {
        await expect.poll(() => output, { timeout: 90_000 }).toContain('continues until Ctrl-C');
        expect(output).toContain('studies 40/40  series 79/79  images 391/391');
        expect(await databases()).toHaveLength(before.length + 1);
        // As a terminal does: to the script and to Redpanda Connect at once.
        const ended = once(child, 'exit');
        process.kill(group, 'SIGINT');
        expect(await ended).toEqual([0, null]);
        expect(await databases()).toEqual(before);
        // No process of the group is left, Redpanda Connect and its plugins included.
        expect(() => process.kill(group, 0)).toThrow('ESRCH');
      } finally {
        if (child.exitCode === null) process.kill(group, 'SIGKILL');
      }
    });
  });
}
