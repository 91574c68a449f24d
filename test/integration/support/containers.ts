import mysql from 'mysql2/promise';
import pg from 'pg';
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import { freePort } from '../../../src/testing/free-port.ts';
import { kafkaVariables } from '../../../src/testing/stack/kafka-variables.ts';
import { administratorDsn } from '../../../src/testing/stack/mysql-account.ts';
import type { Started } from './shared-run.ts';

/**
 * The services in containers. Unlike those of a stack, they are shared by all test processes of a run and removed by their label at its end.
 * Images come from `WADO_TEST_KAFKA_IMAGE`, `WADO_TEST_POSTGRES_IMAGE`, `WADO_TEST_MARIADB_IMAGE`, `WADO_TEST_MYSQL_IMAGE` and
 * `WADO_TEST_DORIS_IMAGE`. The environment below is for the official images; other images may ignore it if they have the same users.
 */
const images = {
  kafka: process.env.WADO_TEST_KAFKA_IMAGE ?? 'apache/kafka:4.1.0',
  postgres: process.env.WADO_TEST_POSTGRES_IMAGE ?? 'postgres:17.6-alpine3.22',
  mariadb: process.env.WADO_TEST_MARIADB_IMAGE ?? 'mariadb:10.11.14',
  mysql: process.env.WADO_TEST_MYSQL_IMAGE ?? 'mysql:9.5.0',
  doris: process.env.WADO_TEST_DORIS_IMAGE ?? 'apache/doris:4.0.3-all-slim',
};
type Labels = Record<string, string>;

// Every run removes its own containers by their label. The reaper would be one more image to pull.
process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';

export async function runPostgres(labels: Labels): Promise<Started> {
  return started(images.postgres, async () => {
    const container = await new GenericContainer(images.postgres)
      .withLabels(labels)
      .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust', POSTGRES_DB: 'dicom' })
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/))
      .start();
    const dsn = `postgres://postgres@${container.getHost()}:${container.getMappedPort(5432)}/dicom`;
    // The official image answers on TCP only after its second start, the real one.
    await eventually(async () => {
      const client = new pg.Client(dsn);
      client.on('error', () => undefined);
      await client.connect();
      await client.end();
    });
    return dsn;
  });
}

export async function runMariadb(labels: Labels): Promise<Started> {
  return runMysqlServer(images.mariadb, 'MARIADB', labels);
}

export async function runMysql(labels: Labels): Promise<Started> {
  return runMysqlServer(images.mysql, 'MYSQL', labels);
}

/** Tests create databases, so the user is root, or the user of an image without root. */
async function runMysqlServer(image: string, prefix: string, labels: Labels): Promise<Started> {
  return started(image, async () => {
    const container = await new GenericContainer(image)
      .withLabels(labels)
      .withEnvironment({
        [`${prefix}_ROOT_PASSWORD`]: 'dicom',
        [`${prefix}_DATABASE`]: 'dicom',
        [`${prefix}_USER`]: 'dicom',
        [`${prefix}_PASSWORD`]: 'dicom',
      })
      .withExposedPorts(3306)
      .withWaitStrategy(Wait.forLogMessage(/ready for connections/))
      .start();
    const dsnOf = (user: string) =>
      `mysql://${user}:dicom@${container.getHost()}:${container.getMappedPort(3306)}/dicom`;
    return eventually(() => administratorDsn(['root', 'dicom'].map(dsnOf)));
  });
}

export async function runKafka(labels: Labels): Promise<Started> {
  return started(images.kafka, async () => {
    // A broker tells its clients where to find it, so the port must be known before it starts.
    const port = await freePort();
    const client = await getContainerRuntimeClient();
    const outside = `${client.info.containerRuntime.host}:${port}`;
    const container = await new GenericContainer(images.kafka)
      .withLabels(labels)
      .withEnvironment(kafkaVariables(outside))
      .withExposedPorts({ container: 9092, host: port })
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
      .start();
    return `${container.getHost()}:${port}`;
  });
}

/** An FE and a BE in one container. The FE knows its BE by an address of the container, so the DSN names the BE's published port. */
export async function runDoris(labels: Labels): Promise<Started> {
  return started(images.doris, async () => {
    const container = await new GenericContainer(images.doris)
      .withLabels(labels)
      .withEnvironment({ SKIP_CHECK_ULIMIT: 'true' })
      .withExposedPorts(8030, 8040, 9030)
      .withStartupTimeout(300_000)
      .start();
    const host = container.getHost();
    const port = (inside: number) => container.getMappedPort(inside);
    const parameters = `mysql_port=${port(9030)}&backends=${host}:${port(8040)}&replication_num=1`;
    // Tables can be created when the BE is alive.
    await eventually(async () => {
      const connection = await mysql.createConnection({ host, port: port(9030), user: 'root' });
      const [backends] = await connection.query<mysql.RowDataPacket[]>('show backends');
      await connection.end();
      if (!backends.some(({ Alive }) => Alive === 'true')) throw new Error('no backend is alive');
    });
    return `doris://root@${host}:${port(8030)}/dicom?${parameters}`;
  });
}

/** A container that can't be had is an answer, not an error: its tests are skipped with the reason. */
async function started(image: string, start: () => Promise<string>): Promise<Started> {
  try {
    return { address: await start(), how: `testcontainers: ${image}` };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : 'an unknown error';
    return { address: null, how: `container of ${image}: ${reason}` };
  }
}

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + 120_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
