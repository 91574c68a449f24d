/** Values at every limit of a column are stored as they are, and come back as they were written. */
import { deepEqual } from 'node:assert/strict';
import type { FileFacts } from '../sink-contract-batches.ts';
import type { Cases, SinkUnderTest } from './case.ts';
import { canonical, type StoredRow, type TableName, trace, write } from './rows.ts';

/** As many characters of four bytes in UTF-8 as a column of this length holds. */
const astral = (length: number) => '\u{1f600}'.repeat(length);

const DATES = ['0001-01-01', '1582-10-10', '1899-12-31', '1969-12-31', '1970-01-01', '2024-02-29', '9999-12-31'];
const TIMES = ['00:00:00', '23:59:59.999', '10:12:01.5', '01:02:03.001', '12:00:00.010'];
const TIMESTAMPS = [
  '1000-01-01T00:00:00',
  '1969-12-31T23:59:59.999999',
  '1970-01-01T00:00:00',
  // Skipped by time zones with daylight saving time, and there twice.
  '2026-03-29T02:30:00.000001',
  '2026-10-25T02:30:00.5',
  '2038-01-19T03:14:08',
  '9999-12-31T23:59:59.999999',
];
const DOUBLES = [
  1.7976931348623157e308, 1e308, -1e308, 2.2250738585072014e-308, 0.1, -1.5e-10, 123456789.12345679, -0, 0,
];
const INTEGERS = [-2147483648, -1, 0, 2147483647];
const BIGINTS = [0, 2 ** 31, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];
const TEXTS = [
  '山田^太郎',
  'Müller^Änne',
  '😀^𝄞',
  'O\'Brien\\^"x"',
  'a\tb\nc',
  ' leading',
  "';--",
  '\\N',
  'NULL',
  '%s ?',
  '',
];

export const LIMITS: Cases = {
  'keeps text as it is': (under) =>
    keeps(
      under,
      'state',
      TEXTS.map((text) => ({ patient_name: text, series_description: text })),
    ),

  'keeps text of as many characters as its column holds, of four bytes each': async (under) => {
    await keeps(under, 'state', [
      {
        patient_name: astral(64),
        patient_sex: astral(1),
        patient_age: astral(16),
        study_date_origin: astral(8),
        accession_number: astral(16),
        study_id: astral(16),
        study_description: astral(64),
        modality: astral(16),
        series_description: astral(256),
        body_part_examined: astral(64),
        protocol_name: astral(64),
      },
    ]);
    await keeps(under, 'image', [
      {
        image_type: astral(128),
        image_orientation_patient: astral(128),
        image_position_patient: astral(64),
        photometric_interpretation: astral(32),
        rescale_type: astral(64),
        window_center: astral(64),
        window_width: astral(64),
        transfer_syntax_uid: astral(64),
        sop_class_uid: astral(64),
        image_status: astral(32),
      },
    ]);
  },

  'keeps keys and paths of as many characters as their columns hold, of four bytes each': async ({ sink, rows }) => {
    const keys = { tenant_id: astral(64), study_uid: astral(64), series_uid: astral(64), sop_uid: astral(64) };
    const more = { patient_id: astral(64), file_path: astral(512), worker_node_id: astral(64), source_ip: astral(24) };
    await write(sink, [{ ...keys, ...more, trace_id: astral(36) }]);
    const [object] = await rows('object');
    deepEqual(selected(object, { ...keys, ...more, trace_id: '' }), { ...keys, ...more, trace_id: astral(36) });
    const [image] = await rows('image');
    deepEqual(selected(image, keys), keys);
    deepEqual(image?.source_trace_id, astral(36));
  },

  'keeps dates from the year 1 to 9999': (under) =>
    keeps(
      under,
      'state',
      DATES.map((date) => ({ patient_birth_date: date, study_date: date, series_date: date })),
    ),

  'keeps times to the millisecond': (under) =>
    keeps(
      under,
      'state',
      TIMES.map((time) => ({ patient_birth_time: time, study_time: time, series_time: time })),
    ),

  'keeps timestamps to the microsecond, as local time without a zone': async ({ sink, rows }) => {
    const file = (time: string, n: number) => ({ created_time: time, trace_id: trace(n), series_uid: `1.${n}` });
    await write(sink, TIMESTAMPS.map(file));
    const times = (found: readonly StoredRow[], name: string) => found.map((row) => row[name]).sort();
    deepEqual(times(await rows('object'), 'created_time'), TIMESTAMPS);
    deepEqual(times(await rows('state'), 'source_time'), TIMESTAMPS);
    deepEqual(times(await rows('image'), 'source_time'), TIMESTAMPS);
  },

  'keeps doubles exactly': (under) =>
    keeps(
      under,
      'image',
      DOUBLES.map((value) => ({ slice_thickness: value, rescale_intercept: value, rescale_slope: value })),
    ),

  'keeps integers of 32 bits, and sizes near 2^53': async ({ sink, rows }) => {
    await keeps(
      { sink, rows },
      'image',
      INTEGERS.map((value) => ({ instance_number: value, width: value })),
    );
    await keeps(
      { sink, rows },
      'image',
      BIGINTS.map((value) => ({ space_size: value })),
    );
  },

  'keeps null apart from what is empty or zero': async (under) => {
    await keeps(under, 'state', [
      { patient_name: null, patient_size: null, series_number: null, study_time: null, series_date: null },
      { patient_name: '', patient_size: 0, series_number: 0, study_time: '00:00:00', series_date: '0001-01-01' },
    ]);
    await keeps(under, 'object', [{ accession_number: null, patient_id: '' }, { accession_number: '' }]);
  },
};

/** Each set of records has its own, so that several fit into one case. */
let studies = 0;

/** Writes a record for each set of columns and compares these columns of its row. */
async function keeps(
  { sink, rows }: Pick<SinkUnderTest, 'sink' | 'rows'>,
  table: TableName,
  values: readonly StoredRow[],
): Promise<void> {
  const study = `1.2.${++studies}`;
  const files = values.map((columns, n): FileFacts => {
    const key = { study_uid: study, series_uid: `1.${n}`, sop_uid: `1.${n}.1` };
    return table === 'object' ? { ...key, ...columns } : { ...key, [table]: columns };
  });
  await write(sink, files);
  const found = (await rows(table)).filter((row) => row.study_uid === study);
  for (const [n, columns] of values.entries()) {
    const row = found.find(({ series_uid }) => series_uid === `1.${n}`);
    deepEqual(selected(row, columns), canonical(columns));
  }
}

/** The columns of `like`, from `row`. */
function selected(row: StoredRow | undefined, like: StoredRow): StoredRow {
  return Object.fromEntries(Object.keys(like).map((name) => [name, row?.[name]]));
}
