import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, it } from 'vitest';
import { runDoris, runKafka, runMariadb, runMysql, runPostgres } from './containers.ts';
import { shared } from './shared-run.ts';

/**
 * Where the integration tests find real services. In this order: a variable that names one (`scripts/services.sh up` writes them to
 * `.services/env` too), else a container where a Docker engine answers, else null, and the tests say by name that they were skipped.
 *
 * `WADO_TEST_SERVICES=native` or `=testcontainers` forces a way; then a service that can't be had is an error, not a skip, except MySQL
 * and Doris, which not every machine can have.
 */
interface DatabaseService {
  /** What `pg` and `mysql2` take; its user may create databases. */
  dsn: string;
  how: string;
}
interface KafkaService {
  /** `host:port`, several joined by commas, as `bootstrap.servers` takes them. */
  brokers: string;
  how: string;
}
interface Services {
  /** One broker or more that create topics on first use with six partitions. */
  kafka: KafkaService;
  /** PostgreSQL 15 or newer. */
  postgres: DatabaseService;
  /** MariaDB 10.11 or newer. */
  mariadb: DatabaseService;
  /** MySQL 8.4 or newer. */
  mysql: DatabaseService;
  /** Apache Doris 3.1 or newer; the DSN is that of the driver `doris`. */
  doris: DatabaseService;
}
type ServiceName = keyof Services;

/**
 * A `describe` whose tests need the named services. Await it at the top of a test file. Where one can't be had, the block holds one
 * skipped test that says which and why.
 */
export async function describeWith<N extends ServiceName>(
  needed: readonly N[],
  title: string,
  body: (services: Pick<Services, N>) => void,
): Promise<void> {
  const found = await Promise.all(needed.map((name) => find(name)));
  const missing = found.flatMap((one, at) => (one.address === null ? [`${needed[at]} (${one.how})`] : []));
  if (missing.length > 0) {
    describe(title, () => {
      it(`was skipped: there is no ${missing.join(', no ')}`, (context) => context.skip());
    });
    return;
  }
  const services = Object.fromEntries(
    found.map(({ address, how }, at) => [
      needed[at],
      needed[at] === 'kafka' ? { brokers: address, how } : { dsn: address, how },
    ]),
  );
  describe(title, () => body(services as Pick<Services, N>));
}

/** What a search came to: an address, or null and in `how` the reason. */
interface Found {
  address: string | null;
  how: string;
}

const variables: Record<ServiceName, string> = {
  kafka: 'WADO_TEST_KAFKA_BROKERS',
  postgres: 'WADO_TEST_POSTGRES_DSN',
  mariadb: 'WADO_TEST_MARIADB_DSN',
  mysql: 'WADO_TEST_MYSQL_DSN',
  doris: 'WADO_TEST_DORIS_DSN',
};
/** How to start those that not every machine can have. */
const rare: Partial<Record<ServiceName, string>> = {
  mysql: 'scripts/services.sh up mysql',
  doris: 'WADO_TEST_DORIS_DSN',
};
const containers = { kafka: runKafka, postgres: runPostgres, mariadb: runMariadb, mysql: runMysql, doris: runDoris };

const searches = new Map<ServiceName, Promise<Found>>();

function find(name: ServiceName): Promise<Found> {
  const running = searches.get(name) ?? search(name);
  searches.set(name, running);
  return running;
}

async function search(name: ServiceName): Promise<Found> {
  const forced = process.env.WADO_TEST_SERVICES;
  if (forced !== undefined && forced !== 'native' && forced !== 'testcontainers') {
    throw new Error(`WADO_TEST_SERVICES is native or testcontainers, not '${forced}'`);
  }
  if (forced !== 'testcontainers') {
    const address = process.env[variables[name]] ?? (await startedNatively(name));
    if (address !== undefined) return { address, how: `native: ${variables[name]}` };
    const way = rare[name];
    if (forced === 'native' && way !== undefined) return { address: null, how: way };
    if (forced === 'native')
      throw new Error(`no ${name}: run scripts/services.sh up ${name}, or set ${variables[name]}`);
  }
  const found = await shared(name, containers[name]);
  if (found.address === null && forced === 'testcontainers' && rare[name] === undefined)
    throw new Error(`no ${name}: ${found.how}`);
  return found;
}

/** The address that `scripts/services.sh up` left behind, if something still listens there. */
async function startedNatively(name: ServiceName): Promise<string | undefined> {
  const lines = await readLines(new URL('../../../.services/env', import.meta.url));
  const prefix = `${variables[name]}=`;
  const address = lines.find((line) => line.startsWith(prefix))?.slice(prefix.length);
  const [, host, port] = address?.match(/([\w.-]+):(\d+)(?:\/|$)/) ?? [];
  return host !== undefined && (await listens(host, Number(port))) ? address : undefined;
}

async function readLines(file: URL): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n');
  } catch {
    return [];
  }
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}
