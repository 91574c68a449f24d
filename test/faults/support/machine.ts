/**
 * The servers that fault tests stop and kill: started for them by test/faults/run.mjs, which sets their addresses in the environment. Native
 * ones, because a stack (src/testing/stack) has no Kafka without Docker, no full disk and no change of a broker's properties.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { describe, it } from 'vitest';
import type { DatabaseName, FaultDatabase } from './database.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/services.sh', import.meta.url));
const run = promisify(execFile);

export type Server = 'kafka' | DatabaseName;

export interface Machine {
  /** The broker's address without a proxy, for the test itself. */
  readonly brokers: string;
  /** The broker's second listener. It advertises `kafkaProxyPort`, so that clients never bypass the proxy. */
  readonly kafkaBehindProxy: { readonly host: string; readonly port: number };
  readonly kafkaProxyPort: number;
  readonly dsn: string;
  /** The databases of the service's configuration, in its order. */
  readonly databases: readonly FaultDatabase[];
  /** The folder of PostgreSQL's files when it is a small file system that a test may fill. */
  readonly disk: string | undefined;
  stop(server: Server): Promise<void>;
  /** kill -9 of the server's main process. */
  kill(server: Server): Promise<void>;
  /** `properties`: further lines of Kafka's configuration, until its next start. */
  start(server: Server, properties?: readonly string[]): Promise<void>;
}

/** A `describe` whose tests may break the servers. Without servers it has one skipped test that says how to start them. */
export function describeFaults(title: string, body: (machine: Machine) => void): void {
  const { WADO_FAULTS_KAFKA, WADO_FAULTS_KAFKA_PROXY, WADO_FAULTS_DSN, WADO_FAULTS_DISK } = process.env;
  if (WADO_FAULTS_KAFKA === undefined || WADO_FAULTS_KAFKA_PROXY === undefined || WADO_FAULTS_DSN === undefined) {
    describe(title, () => {
      it('was skipped: it needs servers that it may break; run "npm run faults"', (context) => context.skip());
    });
    return;
  }
  const [behind, proxy] = WADO_FAULTS_KAFKA_PROXY.split(',').map(Number);
  describe(title, () =>
    body({
      brokers: WADO_FAULTS_KAFKA,
      kafkaBehindProxy: { host: '127.0.0.1', port: behind ?? 0 },
      kafkaProxyPort: proxy ?? 0,
      dsn: WADO_FAULTS_DSN,
      databases: databasesOf(WADO_FAULTS_DSN),
      disk: WADO_FAULTS_DISK,
      stop: (server) => services(['stop', server]),
      kill: (server) => services(['kill', server]),
      start: async (server, properties = []) => {
        await startAgain(server, properties);
        if (server === 'postgres') await answers(WADO_FAULTS_DSN);
      },
    }),
  );
}

/** `postgres,mysql` in WADO_FAULTS_DATABASES, with the address of each server that is not PostgreSQL in a variable of its own. */
function databasesOf(postgres: string): readonly FaultDatabase[] {
  const { WADO_FAULTS_DATABASES = 'postgres', WADO_FAULTS_MYSQL_DSN = '', WADO_FAULTS_MARIADB_DSN = '' } = process.env;
  const servers = { postgres, mysql: WADO_FAULTS_MYSQL_DSN, mariadb: WADO_FAULTS_MARIADB_DSN };
  return WADO_FAULTS_DATABASES.split(',').map((name) => {
    if (name !== 'postgres' && name !== 'mysql' && name !== 'mariadb')
      throw new Error(`--database: expected postgres, mysql or mariadb, not ${name}`);
    return { name, dsn: servers[name] };
  });
}

async function services(args: readonly string[], properties: readonly string[] = []): Promise<void> {
  const all = [process.env.WADO_KAFKA_PROPERTIES ?? '', ...properties].join('\n');
  await run('bash', [SCRIPT, ...args], { timeout: 120_000, env: { ...process.env, WADO_KAFKA_PROPERTIES: all } });
}

/** The shared memory and the port of a killed server are released with a delay. */
async function startAgain(server: Server, properties: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await services(['start', server], properties);
    } catch (error) {
      if (attempt === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

async function answers(dsn: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
