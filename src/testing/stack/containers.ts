/** Servers in containers, through testcontainers. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { GenericContainer, StartedTestContainer } from 'testcontainers';
import { setDefaultVariable } from '../../config/environment.ts';
import { freePort } from '../free-port.ts';
import { advertisedAddress } from './brokers.ts';
import { databasesOf } from './databases.ts';
import { kafkaVariables } from './kafka-variables.ts';
import { administratorDsn } from './mysql-account.ts';
import type { Reaper } from './reaper.ts';
import { type BrokerServer, type DatabaseServer, type ServerProcess, StackError } from './server.ts';

const READY_MS = 120_000;
const POLL_MS = 100;

type Testcontainers = typeof import('testcontainers');

/** testcontainers, if it is installed and a Docker engine answers; else why not. */
export async function containers(): Promise<Testcontainers | string> {
  // The stack's own reaper removes containers, also after a kill. testcontainers' would be one more image to pull.
  setDefaultVariable('TESTCONTAINERS_RYUK_DISABLED', 'true');
  let library: Testcontainers;
  try {
    library = await import('testcontainers');
  } catch {
    return 'the package testcontainers is not installed';
  }
  try {
    await library.getContainerRuntimeClient();
    return library;
  } catch {
    return 'no Docker engine answers';
  }
}

interface Running {
  readonly container: StartedTestContainer;
  readonly process: ServerProcess;
  readonly close: () => Promise<void>;
}

/** A broker of one node. */
export async function containerBroker(
  library: Testcontainers,
  kind: 'kafka' | 'redpanda',
  { image, reaper }: { readonly image: string; readonly reaper: Reaper },
): Promise<BrokerServer> {
  // A broker tells its clients where to find it, so the port must be known before it starts.
  const port = await freePort();
  const { host } = (await library.getContainerRuntimeClient()).info.containerRuntime;
  const address = { host, port };
  // Clients connect through the proxies of the stack, which listen there. The engine's host may be another machine.
  const advertised = `127.0.0.1:${port}`;
  const created = new library.GenericContainer(image).withExposedPorts({ container: 9092, host: port });
  const configured =
    kind === 'kafka'
      ? created
          .withEnvironment(kafkaVariables(advertised))
          .withWaitStrategy(library.Wait.forLogMessage(/Kafka Server started/))
      : created
          .withCommand([
            ...['redpanda', 'start', '--mode', 'dev-container', '--smp', '1', '--memory', '512M'],
            ...['--kafka-addr', '0.0.0.0:9092', '--advertise-kafka-addr', advertised],
          ])
          .withWaitStrategy(library.Wait.forLogMessage(/Successfully started Redpanda/));
  const { process, close } = await run(library, configured, reaper, () => advertisedAddress(`${host}:${port}`));
  return { how: `container ${image}`, address: () => address, process, close };
}

/** A PostgreSQL or MySQL server whose administrator has no password, or the password `dicom`. */
export async function containerDatabase(
  library: Testcontainers,
  kind: 'postgres' | 'mysql',
  { image, reaper }: { readonly image: string; readonly reaper: Reaper },
): Promise<DatabaseServer> {
  const port = await freePort();
  const { host } = (await library.getContainerRuntimeClient()).info.containerRuntime;
  const created = new library.GenericContainer(image);
  const configured =
    kind === 'postgres'
      ? created
          .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust', POSTGRES_DB: 'dicom' })
          .withExposedPorts({ container: 5432, host: port })
          .withWaitStrategy(library.Wait.forLogMessage(/ready to accept connections/))
      : created
          .withEnvironment({ MYSQL_ROOT_PASSWORD: 'dicom', MYSQL_DATABASE: 'dicom' })
          .withExposedPorts({ container: 3306, host: port })
          .withWaitStrategy(library.Wait.forLogMessage(/ready for connections/));
  const dsns =
    kind === 'postgres'
      ? [`postgres://postgres@${host}:${port}/dicom`]
      : // An image without root has the user dicom, who may create databases.
        ['root', 'dicom'].map((user) => `mysql://${user}:dicom@${host}:${port}/dicom`);
  let dsn = dsns[0] ?? '';
  const { process, close } = await run(library, configured, reaper, async () => {
    dsn = kind === 'postgres' ? await connectable(dsn) : await administratorDsn(dsns);
  });
  return { how: `container ${image}`, address: () => ({ host, port }), process, ...databasesOf(() => dsn), close };
}

async function connectable(dsn: string): Promise<string> {
  const client = new pg.Client(dsn);
  client.on('error', () => undefined);
  await client.connect();
  await client.end();
  return dsn;
}

async function run(
  library: Testcontainers,
  configured: GenericContainer,
  reaper: Reaper,
  ready: () => Promise<unknown>,
): Promise<Running> {
  const container = await configured.start();
  reaper.container(container.getId());
  const { container: engine } = await library.getContainerRuntimeClient();
  const handle = engine.getById(container.getId());
  // Official images of databases start twice. Only a connection shows that the second start is done.
  await untilReady(ready);
  return {
    container,
    process: {
      stop: () => handle.stop(),
      kill: () => handle.kill(),
      start: async () => {
        await handle.start();
        await untilReady(ready);
      },
      pause: () => handle.pause(),
      resume: () => handle.unpause(),
    },
    close: async () => {
      await handle.remove({ force: true, v: true });
    },
  };
}

async function untilReady(ready: () => Promise<unknown>): Promise<void> {
  for (const deadline = performance.now() + READY_MS; ; ) {
    try {
      await ready();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw new StackError('a container did not answer in time', { cause: error });
      await sleep(POLL_MS);
    }
  }
}
