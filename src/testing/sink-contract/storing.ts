/** What every sink does with what it is given. */
import { deepEqual, equal } from 'node:assert/strict';
import type { Sink } from '../../ports.ts';
import { batchOf } from '../sink-contract-batches.ts';
import type { Cases } from './case.ts';
import { column, everything, pick, range, trace, write } from './rows.ts';

export const STORING: Cases = {
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

  'keeps apart keys that differ in case only': async ({ sink, rows }) => {
    const file = { study_uid: '1.2', series_uid: '1.2.1', sop_uid: '1.2.1.1' };
    await write(sink, [
      { ...file, tenant_id: 'Clinic' },
      { ...file, tenant_id: 'clinic' },
      { ...file, tenant_id: 'clínic' },
    ]);
    deepEqual(column(await rows('state'), 'tenant_id'), ['Clinic', 'clinic', 'clínic']);
  },

  'stores many batches written at once': async ({ sink, rows }) => {
    const batch = (b: number) => range(25).map((n) => ({ series_uid: `1.${n % 4}`, sop_uid: `1.${b}.${n}` }));
    const rejections = await Promise.all(range(40).map((b) => sink.write(batchOf(batch(b)))));
    deepEqual(rejections.flat(), []);
    equal((await rows('object')).length, 1000);
    equal((await rows('image')).length, 1000);
    equal((await rows('state')).length, 4);
  },

  'stores what two processes write at once, without a deadlock': async ({ sink, rows, another, deadlocks }) => {
    const other = await another();
    // The same series in opposite orders, which deadlocks statements that lock rows in the order of their records.
    const files = (by: number, b: number) =>
      range(50).map((n) => ({
        trace_id: trace(by * 10_000 + b * 50 + n),
        created_time: `2026-01-01T00:00:${String(b).padStart(2, '0')}.${by}`,
        series_uid: `1.${by === 0 ? n : 49 - n}`,
        sop_uid: `1.${n}`,
      }));
    const writeAll = async (to: Sink, by: number) => {
      for (const b of range(30)) await write(to, files(by, b));
    };
    await Promise.all([writeAll(sink, 0), writeAll(other, 1)]);
    equal((await rows('object')).length, 3_000);
    deepEqual([...new Set(column(await rows('state'), 'source_time'))], ['2026-01-01T00:00:29.1']);
    // A server may count them at the end of the session only.
    await Promise.all([sink.close(), other.close()]);
    equal((await deadlocks?.()) ?? 0, 0);
  },

  'settles every write when it is closed, and has stored what it acknowledged': async ({ sink, rows }) => {
    const ids = (b: number) => range(50).map((n) => trace(b * 50 + n));
    const writes = range(20).map((b) =>
      sink.write(batchOf(ids(b).map((trace_id) => ({ trace_id, sop_uid: trace_id })))),
    );
    const settled = Promise.allSettled(writes);
    await sink.close();
    const acknowledged = (await settled).flatMap(({ status }, b) => (status === 'fulfilled' ? ids(b) : []));
    const stored = new Set(column(await rows('object'), 'trace_id'));
    deepEqual(
      acknowledged.filter((id) => !stored.has(id)),
      [],
    );
  },
};
