import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import type { Sink } from '../../src/ports.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

/** Notes which kind of statement inserts images. */
const NOTE = `
create table noted (statement text);
create function note() returns trigger language plpgsql as
  $$ begin insert into noted values (split_part(current_query(), ' ', 1)); return new; end $$;
create trigger note before insert on dicom_image_meta for each statement execute function note()`;

const images = (from: number, count: number, created_time = '2026-01-01T00:00:00') =>
  batchOf(
    Array.from({ length: count }, (_, n) => ({
      trace_id: String(from + n).padStart(36, '0'),
      created_time,
      sop_uid: `1.${from + n}`,
    })),
  );

await describeWith(['postgres'], 'COPY by the PostgreSQL sink', ({ postgres }) => {
  let database: PostgresDatabase;
  let sink: Sink;
  const open = async (dsn: string, copy = true) => {
    sink = createPostgresSink({ name: 'postgres', dsn: () => dsn, migrate: true, connections: 1, copy });
    await sink.connect();
  };
  /** The kinds of statements that inserted images since the last call, rolled back ones excluded. */
  const noted = async () =>
    (await database.query('with gone as (delete from noted returning *) select * from gone')).map(
      ({ statement }) => statement,
    );

  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
  });
  afterEach(async () => {
    await sink.close();
    await database.drop();
  });

  it('stores new rows', async () => {
    await open(database.dsn);
    await database.query(NOTE);
    await sink.write(images(0, 5));
    await sink.write(images(5, 5));
    expect(await noted()).toEqual(['copy', 'copy']);
    expect(await database.rows('image')).toHaveLength(10);
    const recent = "updated_time between localtimestamp - interval '1 minute' and localtimestamp";
    expect(await database.query(`select count(*)::int as n from dicom_image_meta where ${recent}`)).toEqual([
      { n: 10 },
    ]);
  });

  it('leaves rows that exist to the upsert, and is tried again 8 statements later', async () => {
    await open(database.dsn);
    await database.query(NOTE);
    await sink.write(images(0, 5));
    await sink.write(images(3, 5, '2026-02-02T00:00:00'));
    for (let n = 0; n < 9; n++) await sink.write(images(100 + n, 1));
    expect(await noted()).toEqual(['copy', 'with', ...Array.from({ length: 8 }, () => 'with'), 'copy']);
    const rows = await database.rows('image');
    expect(rows).toHaveLength(17);
    const newest = rows.filter((row) => row.source_time === '2026-02-02T00:00:00');
    expect(newest.map((row) => row.sop_uid).toSorted()).toEqual(['1.3', '1.4', '1.5', '1.6', '1.7']);
  });

  it.each(['dicom_object_meta', 'dicom_image_meta'])(
    'stores nothing in %s after its key was dropped',
    async (table) => {
      await open(database.dsn);
      await sink.write(images(0, 5));
      await database.query(`alter table ${table} drop constraint pk_${table}`);
      await expect(sink.write(images(5, 5))).rejects.toMatchObject({ code: 'unavailable' });
      expect(await database.rows('image')).toHaveLength(5);
      expect(await database.rows('object')).toHaveLength(5);
    },
  );

  it('is not used with copy: false', async () => {
    await open(database.dsn, false);
    await database.query(NOTE);
    await sink.write(images(0, 5));
    expect(await noted()).toEqual(['with']);
  });

  it('is left to the upsert where the table has row security, which COPY refuses', async () => {
    await open(database.dsn);
    await sink.close();
    const role = `copy_${Math.random().toString(36).slice(2)}`;
    await database.query(`create role ${role} login`);
    try {
      await database.query(`grant select, insert, update on all tables in schema public to ${role};
        alter table dicom_image_meta enable row level security;
        create policy all_rows on dicom_image_meta using (true) with check (true)`);
      const dsn = new URL(database.dsn);
      dsn.username = role;
      sink = createPostgresSink({ name: 'postgres', dsn: () => dsn.href, connections: 1 });
      await sink.connect();
      expect(await sink.write(images(0, 5))).toEqual([]);
      expect(await database.rows('image')).toHaveLength(5);
    } finally {
      await sink.close();
      await database.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it.each(['a\n\\.\nb', '\\.', 'a\r\nb', '"', '\\', 'null', '', ' , '])(
    'stores the text %j unchanged',
    async (text) => {
      await open(database.dsn);
      await sink.write(batchOf([{ image: { image_type: text } }, { trace_id: 'x'.repeat(36), sop_uid: '1.2' }]));
      const [row] = (await database.rows('image')).filter(({ image_type }) => image_type === text);
      expect(row).toBeDefined();
    },
  );
});
