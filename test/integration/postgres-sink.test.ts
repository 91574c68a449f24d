import { it } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { sinkContract } from '../../src/testing/sink-contract.ts';
import { freshPostgres } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

await describeWith(['postgres'], 'the PostgreSQL sink', ({ postgres }) => {
  const cases = sinkContract(async () => {
    const database = await freshPostgres(postgres.dsn);
    const sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true });
    await sink.connect();
    return {
      sink,
      rows: (table) => database.rows(table),
      dispose: async () => {
        await sink.close();
        await database.drop();
      },
    };
  });
  for (const { title, run } of cases) it(title, run);
});
