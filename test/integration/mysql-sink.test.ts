import { it } from 'vitest';
import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import { sinkContract } from '../../src/testing/sink-contract.ts';
import { freshMysql } from './mysql-database.ts';
import { describeWith } from './support/services.ts';

for (const [name, title] of [
  ['mysql', 'the MySQL sink on MySQL'],
  ['mariadb', 'the MySQL sink on MariaDB'],
] as const) {
  await describeWith([name], title, (services) => {
    const cases = sinkContract(async () => {
      const database = await freshMysql(services[name].dsn);
      const sink = createMysqlSink({ name: 'mysql', dsn: () => database.dsn, migrate: true });
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
    for (const { title: sentence, run } of cases) it(sentence, run);
  });
}
