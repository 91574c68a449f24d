import { from, lastValueFrom, toArray } from 'rxjs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPostgresSink, type PostgresSinkOptions } from '../../src/databases/postgres/sink.ts';
import { SinkError } from '../../src/errors.ts';
import { forkTo } from '../../src/operators/fork-to.ts';
import type { Sink } from '../../src/ports.ts';
import type { GroupedBatch, PoisonRecord } from '../../src/records/records.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { batchOf, type FileFacts } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

const series = (n: number, more: FileFacts = {}): FileFacts => ({
  series_uid: `1.2.${n}`,
  sop_uid: `1.2.${n}.1`,
  ...more,
});
const range = (length: number, start = 0) => Array.from({ length }, (_, n) => n + start);

await describeWith(['postgres'], 'tables that refuse every row', ({ postgres }) => {
  let database: PostgresDatabase;
  let sink: Sink;
  let dead: PoisonRecord[];
  let reasons: string[];

  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
    dead = [];
    reasons = [];
  });
  afterEach(async () => {
    await sink.close();
    await database.drop();
  });

  async function connect(options: Partial<PostgresSinkOptions> = {}): Promise<void> {
    sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true, ...options });
    await sink.connect();
  }

  /** Writes batches as the topology does: with retries, refused records to the dead letters. */
  function store(batches: readonly GroupedBatch[], sinks: readonly Sink[] = [sink]): Promise<unknown> {
    const deadLetters: Sink = {
      name: 'dead_letters',
      connect: async () => undefined,
      write: async ({ poison }) => {
        dead.push(...poison);
        return [];
      },
      close: async () => undefined,
    };
    const onRetry = ({ error }: { error: unknown }) =>
      reasons.push(error instanceof SinkError ? error.detail : String(error));
    const retry = { initialDelayMs: 20, maxDelayMs: 200, onRetry };
    return lastValueFrom(from(batches).pipe(forkTo({ sinks, deadLetters }, { retry }), toArray()));
  }

  const count = async (table: string) =>
    (await database.query(`select count(*)::int as n from dicom_${table}_meta`))[0]?.n;

  const PARTITIONED =
    'alter table dicom_state_meta rename to old_state; ' +
    'create table dicom_state_meta (like old_state including all) partition by list (tenant_id)';
  const faults: readonly (readonly [what: string, fault: string, named: string, repair: string])[] = [
    [
      'a column that must have a value is added',
      'alter table dicom_state_meta add ward text not null',
      'dicom_state_meta.ward:not_null',
      'alter table dicom_state_meta alter ward drop not null',
    ],
    [
      'a column is narrowed',
      'alter table dicom_image_meta alter sop_uid type varchar(3)',
      'dicom_image_meta.sop_uid:type',
      'alter table dicom_image_meta alter sop_uid type varchar(64)',
    ],
    [
      'a column is narrowed so that some rows still fit',
      'alter table dicom_image_meta alter sop_uid type varchar(7)',
      'dicom_image_meta.sop_uid:type',
      'alter table dicom_image_meta alter sop_uid type varchar(64)',
    ],
    [
      'a trigger refuses every row',
      'create function refuse() returns trigger language plpgsql as $$ begin raise exception $m$no$m$; end $$; ' +
        'create trigger refuse before insert on dicom_image_meta for each row execute function refuse()',
      'P0001',
      'drop trigger refuse on dicom_image_meta',
    ],
    [
      'a column is dropped',
      'alter table dicom_image_meta drop window_width',
      'dicom_image_meta.window_width:missing',
      'alter table dicom_image_meta add window_width varchar(64)',
    ],
    [
      'a column changes its type',
      'alter table dicom_image_meta alter width type boolean using null',
      'dicom_image_meta.width:type',
      'alter table dicom_image_meta alter width type integer using null',
    ],
    [
      'a table is dropped',
      'alter table dicom_image_meta rename to elsewhere',
      'dicom_image_meta:missing',
      'alter table elsewhere rename to dicom_image_meta',
    ],
    [
      'the partition is missing',
      PARTITIONED,
      '23514 dicom_state_meta',
      'create table any_tenant partition of dicom_state_meta default',
    ],
    [
      'a check is added that no row fits',
      'alter table dicom_image_meta add constraint never check (width < 0)',
      '23514 dicom_image_meta never',
      'alter table dicom_image_meta drop constraint never',
    ],
    [
      'a foreign key leads to an empty table',
      'create table wards (name varchar(64) primary key); ' +
        'alter table dicom_state_meta add constraint ward foreign key (patient_name) references wards',
      '23503 dicom_state_meta ward',
      "insert into wards values ('DOE^JANE')",
    ],
  ];
  it.each(faults)('dead-letter nothing while %s, name it and store everything after the repair', async (...fault) => {
    const [, statement, named, repair] = fault;
    await connect();
    await database.query(statement);
    const batches = range(4).map((b) => batchOf(range(15, b * 15).map((n) => series(n))));
    const done = store(batches);
    await vi.waitFor(() => expect(reasons).toContainEqual(expect.stringContaining(`out of order: ${named}`)), 20_000);
    expect(dead).toEqual([]);
    await database.query(repair);
    await done;
    expect(dead).toEqual([]);
    expect([await count('object'), await count('state'), await count('image')]).toEqual([60, 60, 60]);
  });

  it('name a policy of row-level security, and one row that breaks it is dead-lettered alone', async () => {
    await connect();
    const role = freshName('role');
    await database.query(`create role ${role} login password 'role'`);
    await database.query(`grant select, insert, update on all tables in schema public to ${role}`);
    await database.query(
      "alter table dicom_state_meta enable row level security; create policy p on dicom_state_meta using (patient_id <> 'BAD')",
    );
    const dsn = new URL(database.dsn);
    [dsn.username, dsn.password] = [role, 'role'];
    await sink.close();
    await connect({ migrate: false, dsn: () => dsn.href });
    await store([batchOf(range(30).map((n) => series(n, n === 7 ? { patient_id: 'BAD' } : {})))]);
    expect(dead.map(({ error }) => (error as SinkError).detail)).toEqual(['42501']);
    expect(await count('state')).toBe(29);
    const done = store([batchOf(range(30, 100).map((n) => series(n, { patient_id: 'BAD' })))]);
    await vi.waitFor(() => expect(reasons).toContainEqual('out of order: 42501'), 20_000);
    expect(dead).toHaveLength(1);
    await database.query('alter table dicom_state_meta disable row level security');
    await done;
    expect(dead).toHaveLength(1);
    await sink.close();
    await database.query(`drop owned by ${role}; drop role ${role}`);
  });

  it('are told from many bad rows among good ones: exactly those are dead-lettered', async () => {
    await connect();
    await database.query("alter table dicom_state_meta add check (patient_sex <> 'X')");
    const isBad = (n: number) => n >= 40 && n < 85;
    const facts = range(200).map((n) => series(n, isBad(n) ? { state: { patient_sex: 'X' } } : {}));
    const batches = range(4).map((b) => batchOf(facts.slice(b * 50, b * 50 + 50)));
    await store(batches);
    const expected = batches
      .flatMap(({ grouped }) => grouped.map(({ file }) => file.source))
      .filter((_, n) => isBad(n));
    expect(new Set(dead.map(({ source }) => source))).toEqual(new Set(expected));
    expect(dead).toHaveLength(45);
    expect(await count('state')).toBe(155);
  });

  it('are told from a lone bad row, which is dead-lettered when a row is accepted after it', async () => {
    await connect();
    await database.query("alter table dicom_state_meta add check (patient_sex <> 'X')");
    const done = store([batchOf([series(1, { state: { patient_sex: 'X' } })])]);
    await vi.waitFor(() => expect(reasons).toContainEqual(expect.stringContaining('no row accepted yet: 23514')));
    expect(dead).toEqual([]);
    await store([batchOf([series(2)])]);
    await done;
    expect(dead).toHaveLength(1);
  });

  it('are told from a lone bad row by storing again what was accepted before, where nothing else comes', async () => {
    await connect({ holdMs: 100 });
    await store([batchOf([series(1)])]);
    await database.query("alter table dicom_state_meta add constraint sex check (patient_sex <> 'X')");
    await store([batchOf([series(2, { state: { patient_sex: 'X' } })])]);
    expect(dead).toHaveLength(1);
    await database.query('alter table dicom_image_meta add constraint never check (width < 0) not valid');
    const done = store([batchOf([series(3)])]);
    await vi.waitFor(() => expect(reasons).toContainEqual('out of order: 23514 dicom_image_meta never'), 20_000);
    await database.query('alter table dicom_image_meta drop constraint never');
    await done;
    expect(dead).toHaveLength(1);
  });

  it('keep nothing of a series that a constraint refuses, and its images are published once', async () => {
    await connect();
    await database.query("alter table dicom_state_meta add check (modality <> 'MG')");
    const published: string[] = [];
    const topic: Sink = {
      name: 'topic',
      connect: async () => undefined,
      write: async ({ grouped }) => {
        for (const { state, image } of grouped) {
          if (state !== null) published.push(`state ${state.version.traceId}`);
          if (image !== null) published.push(`image ${image.version.traceId}`);
        }
        return [];
      },
      close: async () => undefined,
    };
    for (const order of ['oldest first', 'newest first']) {
      published.length = 0;
      dead.length = 0;
      const bad = range(10).map((n) => ({
        series_uid: `9.${order}`,
        sop_uid: `9.${order}.${n}`,
        created_time: `2026-01-01T00:00:0${n}`,
        state: { modality: 'MG' },
      }));
      const facts = order === 'oldest first' ? bad : bad.toReversed();
      await store([batchOf([...facts.slice(0, 5), series(1), ...facts.slice(5)])], [sink, topic]);
      expect(dead).toHaveLength(10);
      expect([await count('object'), await count('image'), await count('state')]).toEqual([
        order === 'oldest first' ? 1 : 2,
        1,
        1,
      ]);
      expect(published.filter((each) => each.startsWith('image'))).toHaveLength(11);
      expect(new Set(published).size).toBe(published.length);
    }
  });
});
