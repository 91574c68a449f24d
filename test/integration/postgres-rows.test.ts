import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openPostgres } from '../../src/databases/postgres/connection.ts';
import { RowArrayWriter, RowLinesWriter } from '../../src/databases/postgres/rows.ts';
import { copyStatement } from '../../src/databases/postgres/write-statement.ts';
import { freshPostgres } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

const FIELDS = ['a', 'b', 'c'];

await describeWith(['postgres'], 'rows as PostgreSQL reads them', ({ postgres }) => {
  const storable = fc.string({ unit: 'binary' }).map((text) => text.toWellFormed().replaceAll('\0', ''));
  const tricky = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', ' ', '\n', 'null', '山', "'") });
  const value = fc.option(fc.oneof(storable, tricky, fc.constantFrom('', 'null', 'NULL', ' a ')));

  it('are what was written, whatever texts they hold', { timeout: 60_000 }, async () => {
    const database = await freshPostgres(postgres.dsn);
    // A server that takes `null` for a text unless told otherwise.
    await database.query(
      `do $$ begin execute format('alter database %I set array_nulls = off', current_database()); end $$`,
    );
    const options = { name: 'postgres', dsn: database.dsn, connectTimeoutMs: 5_000, statementTimeoutMs: 20_000 };
    const connection = await openPostgres(options);
    const writer = new RowArrayWriter(FIELDS);
    const text = 'select literal::text[] as value from unnest($1::text[]) with ordinality as l(literal, n) order by n';
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(value, value, value), { maxLength: 8 }),
          fc.boolean(),
          async (list, inOrder) => {
            const rows = list.map(([a, b, c]) => ({
              identity: '',
              version: { time: '', traceId: '' },
              json: Buffer.from(JSON.stringify(inOrder ? { a, b, c } : { b, c, a })),
            }));
            const found = await connection.query({ text, values: [writer.write(rows)] });
            expect(found.map((row) => row.value)).toEqual(list);
          },
        ),
        { numRuns: 500 },
      );
    } finally {
      await connection.close();
      await database.drop();
    }
  });

  it('are what was written by COPY, whatever texts they hold', { timeout: 60_000 }, async () => {
    const database = await freshPostgres(postgres.dsn);
    await database.query('create table copied (n serial, a text, b text, c text)');
    const options = { name: 'postgres', dsn: database.dsn, connectTimeoutMs: 5_000, statementTimeoutMs: 20_000 };
    const connection = await openPostgres(options);
    const writer = new RowLinesWriter(FIELDS);
    const prepare = copyStatement({ name: 'copied', values: FIELDS });
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(value, value, value), { maxLength: 8 }), async (list) => {
          const rows = list.map(([a, b, c]) => ({
            identity: '',
            version: { time: '', traceId: '' },
            json: Buffer.from(JSON.stringify({ a, b, c })),
          }));
          const copy = writer.write(rows);
          await connection.query({ text: 'truncate copied' });
          expect(await connection.pipeline([{ name: '', prepare, input: { copy } }])).toBeUndefined();
          const found = await connection.query({ text: 'select a, b, c from copied order by n' });
          expect(found.map(({ a, b, c }) => [a, b, c])).toEqual(list);
        }),
        { numRuns: 300 },
      );
    } finally {
      await connection.close();
      await database.drop();
    }
  });
});
