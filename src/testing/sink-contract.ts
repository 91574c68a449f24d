/**
 * What the service requires of every database sink, as cases for any test runner. Each case opens a sink on its own empty tables.
 * The memory database passes the same cases, so the topology's tests rely on nothing that a real database doesn't do.
 */
import { deepEqual, equal } from 'node:assert/strict';
import type { Sink } from '../ports.ts';
import { batchOf, type FileFacts } from './sink-contract-batches.ts';

export type TableName = 'object' | 'state' | 'image';

/** A row by the wire's names. Dates, times and timestamps are text; null is null. */
export type StoredRow = Readonly<Record<string, unknown>>;

export interface SinkUnderTest {
  readonly sink: Sink;
  /** All rows of a table, in any order. */
  rows(table: TableName): Promise<readonly StoredRow[]>;
  /** Closes the sink and drops its tables. */
  dispose(): Promise<void>;
}

export interface SinkContractOptions {
  /** Whether the sink refuses rows that its columns can't hold; memory takes anything [true]. */
  readonly refusesBadRows?: boolean;
}

export interface ContractCase {
  readonly title: string;
  run(): Promise<void>;
}

type Body = (under: SinkUnderTest) => Promise<void>;

/** The cases. `open` gives a connected sink on empty tables. */
export function sinkContract(
  open: () => Promise<SinkUnderTest>,
  options: SinkContractOptions = {},
): readonly ContractCase[] {
  const bodies = { ...EVERY_SINK, ...(options.refusesBadRows === false ? {} : REFUSING_SINK) };
  return Object.entries(bodies).map(([title, body]) => ({
    title,
    async run() {
      const under = await open();
      try {
        await body(under);
      } finally {
        await under.dispose();
      }
    },
  }));
}

const EVERY_SINK: Readonly<Record<string, Body>> = {
  'stores the object, state and image row of a record': async ({ sink, rows }) => {
    await write(sink, [{ trace_id: trace(1), sop_uid: '1.2.3.1.1' }]);
    const [object] = await rows('object');
    const [state] = await rows('state');
    const [image] = await rows('image');
    equal(object?.trace_id, trace(1));
    equal(object?.file_size, 4096);
    deepEqual(pick(state, 'patient_name', 'protocol_name', 'patient_birth_time', 'patient_size', 'series_number'), [
      'DOE^JANE',
      '',
      null,
      1.75,
      3,
    ]);
    deepEqual(pick(image, 'sop_uid', 'image_type', 'width', 'spacing_between_slices', 'slice_location'), [
      '1.2.3.1.1',
      'ORIGINAL\\PRIMARY\\AXIAL',
      512,
      null,
      -12.5,
    ]);
  },

  'accepts a batch that holds nothing for it': async ({ sink, rows }) => {
    deepEqual(await sink.write(batchOf([])), []);
    deepEqual(await rows('object'), []);
  },

  'changes no row on a replay': async ({ sink, rows }) => {
    const files = range(30).map((n) => ({ trace_id: trace(n), series_uid: `1.2.3.${n % 3}`, sop_uid: `1.2.3.9.${n}` }));
    await write(sink, files);
    const before = await everything(rows);
    await write(sink, files);
    await write(sink, files.toReversed());
    deepEqual(await everything(rows), before);
  },

  'keeps the greater version, whichever comes first': async ({ sink, rows }) => {
    const older = {
      trace_id: trace(9),
      created_time: '2026-01-01T00:00:00.000001',
      state: { study_description: 'old' },
    };
    const newer = {
      trace_id: trace(1),
      created_time: '2026-01-01T00:00:00.000002',
      state: { study_description: 'new' },
    };
    await write(sink, [{ ...older, series_uid: '1.1' }]);
    await write(sink, [{ ...newer, series_uid: '1.1' }]);
    await write(sink, [{ ...newer, series_uid: '1.2', trace_id: trace(2) }]);
    await write(sink, [{ ...older, series_uid: '1.2', trace_id: trace(8) }]);
    const states = await rows('state');
    deepEqual(column(states, 'series_uid', 'study_description'), ['1.1 new', '1.2 new']);
  },

  'keeps the greater trace id between equal times, by UTF-8 bytes': async ({ sink, rows }) => {
    // JavaScript's own order, by UTF-16 units, is the reverse.
    const bmp = '\u{ff5e}'.padEnd(36, 'x');
    const astral = '\u{1f600}'.padEnd(37, 'x');
    await write(sink, [{ trace_id: astral, sop_uid: '1', state: { study_description: 'greater' } }]);
    await write(sink, [{ trace_id: bmp, sop_uid: '1', state: { study_description: 'smaller' } }]);
    deepEqual(column(await rows('state'), 'study_description'), ['greater']);
  },

  'keeps series_related_instances where a newer record has no value': async ({ sink, rows }) => {
    const count = async () => column(await rows('state'), 'series_related_instances');
    const at = (day: number, series_related_instances: number | null) =>
      write(sink, [
        { created_time: `2026-01-0${day}T00:00:00`, sop_uid: `${day}`, state: { series_related_instances } },
      ]);
    await at(1, 12);
    await at(2, null);
    deepEqual(await count(), ['12']);
    await at(3, 7);
    deepEqual(await count(), ['7']);
  },

  'stores the version that the record carries': async ({ sink, rows }) => {
    await write(sink, [{ trace_id: trace(3), created_time: '2026-01-01T00:00:00.123456' }]);
    for (const table of ['state', 'image'] as const) {
      const [row] = await rows(table);
      deepEqual(pick(row, 'source_time', 'source_trace_id'), ['2026-01-01T00:00:00.123456', trace(3)]);
    }
  },

  'moves a series to a corrected PatientID instead of doubling it': async ({ sink, rows }) => {
    const file = { study_uid: '1.2', series_uid: '1.2.1', sop_uid: '1.2.1.1' };
    await write(sink, [{ ...file, patient_id: 'WRONG', trace_id: trace(1), created_time: '2026-01-01T00:00:00' }]);
    await write(sink, [{ ...file, patient_id: 'RIGHT', trace_id: trace(2), created_time: '2026-01-02T00:00:00' }]);
    await write(sink, [{ ...file, patient_id: 'WRONG', trace_id: trace(1), created_time: '2026-01-01T00:00:00' }]);
    deepEqual(column(await rows('state'), 'patient_id'), ['RIGHT']);
    deepEqual(column(await rows('image'), 'patient_id'), ['RIGHT']);
    deepEqual(column(await rows('object'), 'patient_id'), ['RIGHT', 'WRONG']);
  },

  'ends in the same rows in any order, duplication and batching': async ({ sink, rows }) => {
    const files = range(60).map((n) => ({
      trace_id: trace(n),
      created_time: `2026-01-01T00:00:${String((n * 7) % 10).padStart(2, '0')}.000`,
      patient_id: `P${n % 4}`,
      series_uid: `1.2.3.${n % 5}`,
      sop_uid: `1.2.3.9.${n % 20}`,
    }));
    const twice = [...files, ...files].map((file, at) => ({ file, order: (at * 7919) % 1009 }));
    const shuffled = twice.sort((a, b) => a.order - b.order).map(({ file }) => file);
    const cuts = [0, 1, 8, 40, 41, 90, 120];
    await Promise.all(cuts.slice(1).map((end, at) => write(sink, shuffled.slice(cuts[at], end))));
    const winner = (matching: typeof files) =>
      matching.reduce((a, b) => (`${b.created_time}${b.trace_id}` > `${a.created_time}${a.trace_id}` ? b : a))
        .patient_id;
    deepEqual(
      column(await rows('state'), 'series_uid', 'patient_id'),
      range(5).map((s) => `1.2.3.${s} ${winner(files.filter((file) => file.series_uid === `1.2.3.${s}`))}`),
    );
    deepEqual(
      column(await rows('image'), 'sop_uid', 'patient_id'),
      range(20)
        .map((s) => `1.2.3.9.${s} ${winner(files.filter((file) => file.sop_uid === `1.2.3.9.${s}`))}`)
        .sort(),
    );
    equal((await rows('object')).length, 60);
  },

  'keeps apart keys that differ in case only': async ({ sink, rows }) => {
    const file = { study_uid: '1.2', series_uid: '1.2.1', sop_uid: '1.2.1.1' };
    await write(sink, [
      { ...file, tenant_id: 'Clinic' },
      { ...file, tenant_id: 'clinic' },
      { ...file, tenant_id: 'clínic' },
    ]);
    deepEqual(column(await rows('state'), 'tenant_id'), ['Clinic', 'clinic', 'clínic']);
  },

  'keeps text as it is': async ({ sink, rows }) => {
    const names = ['山田^太郎', 'Müller^Änne', '😀^𝄞', 'O\'Brien\\^"x"', 'a\tb\nc', ' leading'];
    await write(
      sink,
      names.map((name, n) => ({ series_uid: `1.${n}`, state: { patient_name: name } })),
    );
    const stored = new Map((await rows('state')).map((row) => [row.series_uid, row.patient_name]));
    deepEqual(
      names.map((_, n) => stored.get(`1.${n}`)),
      names,
    );
  },

  'stores many batches written at once': async ({ sink, rows }) => {
    const batch = (b: number) => range(25).map((n) => ({ series_uid: `1.${n % 4}`, sop_uid: `1.${b}.${n}` }));
    const rejections = await Promise.all(range(40).map((b) => sink.write(batchOf(batch(b)))));
    deepEqual(rejections.flat(), []);
    equal((await rows('object')).length, 1000);
    equal((await rows('image')).length, 1000);
    equal((await rows('state')).length, 4);
  },
};

// Too long for a column of 64 characters, also where the column's length counts bytes: four a character.
const TOO_LONG = { sop_class_uid: '1'.repeat(257) };

const REFUSING_SINK: Readonly<Record<string, Body>> = {
  'returns exactly the records that it refuses, and stores the others': async ({ sink, rows }) => {
    const files = (b: number) =>
      range(50).map((n) => ({
        trace_id: trace(b * 50 + n),
        sop_uid: `1.${b}.${n}`,
        ...((b * 50 + n) % 60 === 7 ? { image: TOO_LONG } : {}),
      }));
    const rejections = (await Promise.all(range(4).map((b) => sink.write(batchOf(files(b)))))).flat();
    deepEqual(rejections.map(({ file }) => file.object.identity).sort(), [7, 67, 127, 187].map(trace));
    for (const { error } of rejections)
      deepEqual([error.name, error.code, error.sink], ['SinkError', 'rejected', sink.name]);
    equal((await rows('object')).length, 196);
    equal((await rows('image')).length, 196);
  },

  'stores the runner-up of another batch when the winner of a series is refused': async ({ sink, rows }) => {
    const bad = { patient_id: 'BAD', created_time: '2026-01-02T00:00:00', image: TOO_LONG };
    const good = { patient_id: 'GOOD', created_time: '2026-01-01T00:00:00' };
    const written = await Promise.all([bad, good, bad, good].map((file) => sink.write(batchOf([file]))));
    deepEqual(
      written.map((rejections) => rejections.length),
      [1, 0, 1, 0],
    );
    deepEqual(column(await rows('state'), 'patient_id'), ['GOOD']);
  },
};

async function write(sink: Sink, files: readonly FileFacts[]): Promise<void> {
  deepEqual(await sink.write(batchOf(files)), []);
}

async function everything(rows: SinkUnderTest['rows']): Promise<readonly string[]> {
  const tables = await Promise.all((['object', 'state', 'image'] as const).map(rows));
  return tables
    .flat()
    .map((row) => JSON.stringify(row))
    .sort();
}

function pick(row: StoredRow | undefined, ...names: readonly string[]): readonly unknown[] {
  return names.map((name) => row?.[name]);
}

function column(rows: readonly StoredRow[], ...names: readonly string[]): readonly string[] {
  return rows.map((row) => names.map((name) => String(row[name])).join(' ')).sort();
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, n) => n);
}

/** A trace id, 36 characters, that sorts by `n`. */
function trace(n: number): string {
  return `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`;
}
