import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import { startDatabaseProxy } from '../../src/testing/database-proxy.ts';
import { CONTRACT_GROUPS } from '../../src/testing/sink-contract.ts';
import { itKeepsTheSinkContract } from '../../src/testing/vitest/sink-contract.ts';
import { freshMysql, type MysqlDatabase } from './mysql-database.ts';
import { nativeServer } from './support/native-server.ts';
import { describeWith } from './support/services.ts';

const DEADLOCKS = "select count from information_schema.innodb_metrics where name = 'lock_deadlocks'";

/** Since the server started: other tests provoke some. */
async function deadlocks(database: MysqlDatabase): Promise<number> {
  const [row] = await database.query(DEADLOCKS);
  return Number(row?.count ?? row?.COUNT);
}

for (const [name, title] of [
  ['mysql', 'the MySQL sink on MySQL'],
  ['mariadb', 'the MySQL sink on MariaDB'],
] as const) {
  await describeWith([name], title, async (services) => {
    const { dsn: address } = services[name];
    const server = await nativeServer(name, address);
    itKeepsTheSinkContract(
      async () => {
        const database = await freshMysql(address);
        const before = await deadlocks(database);
        const network = await startDatabaseProxy(database.dsn);
        const connect = async (dsn: string, migrate: boolean) => {
          const sink = createMysqlSink({ name: 'mysql', dsn: () => dsn, migrate, statementTimeoutMs: 5_000 });
          await sink.connect();
          return sink;
        };
        const sink = await connect(network.dsn, true);
        return {
          sink,
          rows: database.rows,
          another: () => connect(database.dsn, false),
          deadlocks: async () => (await deadlocks(database)) - before,
          network,
          ...(server === undefined ? {} : { server }),
          dispose: async () => {
            await sink.close();
            await network.close();
            await database.drop();
          },
        };
      },
      CONTRACT_GROUPS,
      server === undefined ? { server: `scripts/services.sh did not start this ${name}` } : {},
    );
  });
}
