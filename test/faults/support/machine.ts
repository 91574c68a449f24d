/** The servers that fault tests stop and kill: their own, started by test/faults/run.mjs and named in its environment. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { describe, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../scripts/services.sh', import.meta.url));
const run = promisify(execFile);

export type Server = 'kafka' | 'postgres';

export interface Machine {
  /** Straight to the broker: what a test itself uses, whatever the service's line goes through. */
  readonly brokers: string;
  /** The broker's second listener; it names `kafkaProxyPort` as its address, so that clients never come past the proxy. */
  readonly kafkaBehindProxy: { readonly host: string; readonly port: number };
  readonly kafkaProxyPort: number;
  readonly dsn: string;
  /** Where PostgreSQL's files are, when that is a small file system that a test may fill. */
  readonly disk: string | undefined;
  stop(server: Server): Promise<void>;
  /** kill -9 of the server's main process. */
  kill(server: Server): Promise<void>;
  start(server: Server): Promise<void>;
}

/** A `describe` whose tests may break the servers. Without them it holds one skipped test that says how to get them. */
export function describeFaults(title: string, body: (machine: Machine) => void): void {
  const { WADO_FAULTS_KAFKA, WADO_FAULTS_KAFKA_PROXY, WADO_FAULTS_DSN, WADO_FAULTS_DISK } = process.env;
  if (WADO_FAULTS_KAFKA === undefined || WADO_FAULTS_KAFKA_PROXY === undefined || WADO_FAULTS_DSN === undefined) {
    describe(title, () => {
      it('was skipped: it breaks servers, and brings its own when run by "npm run faults"', (context) =>
        context.skip());
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
      disk: WADO_FAULTS_DISK,
      stop: (server) => services('stop', server),
      kill: (server) => services('kill', server),
      start: async (server) => {
        await startAgain(server);
        if (server === 'postgres') await answers(WADO_FAULTS_DSN);
      },
    }),
  );
}

async function services(...args: string[]): Promise<void> {
  await run('bash', [SCRIPT, ...args], { timeout: 120_000 });
}

/** What a killed server leaves behind (shared memory, its port) takes a moment to go. */
async function startAgain(server: Server): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await services('start', server);
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
