/** What a sink does with rows that its columns can't hold. */
import { deepEqual, equal } from 'node:assert/strict';
import { batchOf } from '../sink-contract-batches.ts';
import type { Cases } from './case.ts';
import { column, range, trace } from './rows.ts';

// Too long for a column of 64 characters, also where the column's length counts bytes: four a character.
const TOO_LONG = { sop_class_uid: '1'.repeat(257) };

export const REFUSALS: Cases = {
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
