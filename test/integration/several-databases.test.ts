import { expect, it, vi } from 'vitest';
import { databaseDriver } from '../../src/databases/registry.ts';
import { startDatabaseProxy } from '../../src/testing/database-proxy.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { freshDatabase } from '../../src/testing/fresh-database.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import type { TcpProxy } from '../../src/testing/proxy.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { type StoredKeys, storedKeys } from '../../src/testing/stored-keys.ts';
import { runCommand } from '../support/command.ts';
import { configWith } from '../support/several-databases.ts';
import { freshMysql } from './mysql-database.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
/** As in redpanda.yaml. */
const CHECKPOINT_LIMIT = 2_048;
const FIELDS = ['max_in_flight: 2', 'statement_timeout: 3s'];

type Turn = (line: TcpProxy, on: boolean) => unknown;
const OUTAGES: Readonly<Record<'silent' | 'refusing', readonly [how: string, turn: Turn]>> = {
  silent: ['does not answer', (line, on) => line.blackHole(on)],
  refusing: ['is down', (line, on) => line.refuse(on)],
};

for (const driver of ['mysql', 'postgres'] as const) {
  await describeWith(
    ['kafka', 'postgres', driver],
    `a configuration with PostgreSQL and, as the second one, ${driver}`,
    (services) => {
      const { kafka, postgres } = services;
      /** A pipeline whose second database is behind a proxy. */
      async function create() {
        const pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
        const second = await (driver === 'mysql' ? freshMysql(services.mysql.dsn) : freshDatabase(postgres.dsn));
        const line = await startDatabaseProxy(second.dsn);
        const config = configWith(pipeline.folder, [
          { label: 'second', driver, variable: 'SECOND_DSN', fields: FIELDS },
        ]);
        const env = { SECOND_DSN: line.dsn };
        return {
          pipeline,
          line,
          config,
          env,
          start: () => pipeline.start(env, [], { config }),
          first: () => storedKeys(pipeline.dsn),
          second: () => storedKeys(second.dsn),
          async [Symbol.asyncDispose]() {
            await pipeline[Symbol.asyncDispose]();
            await line.close();
            await second.drop();
          },
        };
      }
      const { title } = databaseDriver(driver).description;
      const keysOf = ({ objects, states, images }: StoredKeys) => ({ objects, states, images });
      const figures = async (service: ServiceProcess) => await (await fetch(`${service.url()}/metrics`)).text();
      const figure = (text: string, series: string) =>
        Number(new RegExp(`^${series.replaceAll(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
      const labelled = (text: string, name: string, label: string) =>
        Number(new RegExp(`^${name}\\{[^}]*label="${label}"[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);

      it('stores every record in both, and commits to the end', { timeout: 300 * SECONDS }, async () => {
        await using set = await create();
        const load = await set.pipeline.publish({ count: 6_000, poisonEvery: 500 });
        const service = set.start();
        await set.pipeline.untilCommitted(200 * SECONDS);
        expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
        const expected = expectedState(load);
        expect(differences(await set.pipeline.endState(), expected)).toEqual([]);
        expect(keysOf(await set.second())).toEqual(keysOf(expected));
      });

      // One kind of outage for each pair, since each takes a minute.
      const [how, turn] = driver === 'mysql' ? OUTAGES.silent : OUTAGES.refusing;
      it(`holds the offsets back while the second one ${how}, and nothing else`, {
        timeout: 300 * SECONDS,
      }, async () => {
        await using set = await create();
        const { pipeline, line } = set;
        const load = await pipeline.publish({ count: 8_000 });
        const service = set.start();
        await pipeline.untilAtWork(60 * SECONDS);
        await turn(line, true);
        // The first database stores everything that was consumed, also what the second one lacks, until the intake is full.
        await vi.waitFor(
          async () => {
            const text = await figures(service);
            const consumed = figure(text, 'wado_records_consumed');
            expect(figure(text, 'wado_records_in_flight')).toBe(CHECKPOINT_LIMIT);
            expect((await set.first()).objects.size).toBe(consumed);
          },
          { timeout: 60 * SECONDS, interval: 500 },
        );
        const committed = await pipeline.committed();
        const stored = (await set.second()).objects.size;
        expect(committed).toBeLessThanOrEqual(stored);
        expect(stored).toBeLessThan((await set.first()).objects.size);

        const text = await figures(service);
        for (const name of ['output_sent', 'output_connection_up', 'output_connection_lost'])
          expect(Number.isNaN(labelled(text, name, 'second')), name).toBe(false);
        expect(labelled(text, 'output_sent', 'postgres')).toBeGreaterThan(labelled(text, 'output_sent', 'second'));
        // A statement that gets no answer fails at its timeout.
        await vi.waitFor(
          async () => {
            const ready = await fetch(`${service.url()}/ready`);
            const { statuses } = (await ready.json()) as { statuses: { label: string; connected: boolean }[] };
            expect(ready.status).toBe(503);
            expect(statuses.filter(({ connected }) => !connected).map(({ label }) => label)).toEqual(['second']);
          },
          { timeout: 20 * SECONDS, interval: 200 },
        );
        const dashboard = (await (await fetch(`${service.url()}/dashboard.json`)).json()) as {
          outputs: { label: string; kind: string; connected: boolean }[];
        };
        const databases = dashboard.outputs.filter(({ kind }) => kind === 'database');
        expect(databases.map(({ label, connected }) => [label, connected])).toEqual([
          ['postgres', true],
          ['second', false],
        ]);
        expect(await pipeline.committed()).toBe(committed);

        await turn(line, false);
        await pipeline.untilCommitted(120 * SECONDS);
        expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
        const expected = expectedState(load);
        expect(differences(await pipeline.endState(), expected)).toEqual([]);
        expect(keysOf(await set.second())).toEqual(keysOf(expected));
      });

      it('is described and migrated by the label of each', { timeout: 120 * SECONDS }, async () => {
        await using set = await create();
        const env = { ...set.pipeline.env, ...set.env };
        const described = await runCommand(['describe', set.config], env);
        expect(described.stdout).toContain('Sink: postgres (database: PostgreSQL)');
        expect(described.stdout).toContain(`Sink: second (database: ${title})`);
        const migrate = async (...args: readonly string[]) =>
          (await runCommand(['migrate', set.config, ...args], env)).stdout;
        expect(await migrate('--dry-run')).toMatch(/^-- postgres .*to apply\n[\s\S]*^-- second .*to apply\n/m);
        expect(await migrate('--database', 'second')).toBe('second: applied 0000_three_tables\n');
        expect(await migrate()).toBe('postgres: applied 0000_three_tables\nsecond: up to date\n');
        expect(await migrate('--dry-run')).toBe(
          `-- postgres (PostgreSQL): up to date\n-- second (${title}): up to date\n`,
        );
      });
    },
  );
}
