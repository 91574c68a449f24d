import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { startDatabaseProxy } from '../../src/testing/database-proxy.ts';
import { CONTRACT_GROUPS } from '../../src/testing/sink-contract.ts';
import { itKeepsTheSinkContract } from '../../src/testing/vitest/sink-contract.ts';
import { freshPostgres } from './postgres-database.ts';
import { nativeServer } from './support/native-server.ts';
import { describeWith } from './support/services.ts';

const DEADLOCKS = 'select deadlocks as count from pg_stat_database where datname = current_database()';

await describeWith(['postgres'], 'the PostgreSQL sink', async ({ postgres }) => {
  const server = await nativeServer('postgres', postgres.dsn);
  itKeepsTheSinkContract(
    async () => {
      const database = await freshPostgres(postgres.dsn);
      const network = await startDatabaseProxy(database.dsn);
      const connect = async (dsn: string, migrate: boolean) => {
        const sink = createPostgresSink({ name: 'postgres', dsn: () => dsn, migrate, statementTimeoutMs: 5_000 });
        await sink.connect();
        return sink;
      };
      const sink = await connect(network.dsn, true);
      return {
        sink,
        rows: database.rows,
        another: () => connect(database.dsn, false),
        deadlocks: async () => {
          const [row] = await database.query(DEADLOCKS);
          return Number(row?.count);
        },
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
    server === undefined ? { server: 'scripts/services.sh did not start this PostgreSQL' } : {},
  );
});
