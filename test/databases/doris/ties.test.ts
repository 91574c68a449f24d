import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceOrder } from '../../../src/databases/doris/source-order.ts';
import { batchOf } from '../../../src/testing/sink-contract-batches.ts';
import { openDorisUnderTest } from '../../support/doris/under-test.ts';

const time = '2026-01-01T00:00:00.000001';
/** Trace ids that differ only where the sequence column doesn't reach. */
const trace = (n: number) => `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`;

describe('versions with the same number in the sequence column', () => {
  it('have one: the test is about what the number can’t tell', () => {
    expect(sourceOrder({ time, traceId: trace(1) })).toBe(sourceOrder({ time, traceId: trace(9) }));
  });

  it('end with the greatest trace id, whatever the order, the batches and the process that loads them', async () => {
    const under = await openDorisUnderTest({ loadPeriodMs: 1 });
    const sinks = [under.sink, await under.another()] as const;
    let run = 0;
    const writes = fc.array(
      fc.record({ traces: fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }), sink: fc.constantFrom(0, 1) }),
      { minLength: 1, maxLength: 5 },
    );
    try {
      await fc.assert(
        fc.asyncProperty(writes, async (given) => {
          const tenant_id = `t${run++}`;
          for (const { traces, sink } of given) {
            const files = traces.map((n) => ({
              sop_uid: '1.1',
              tenant_id,
              created_time: time,
              trace_id: trace(n),
              patient_id: `P${n}`,
            }));
            expect(await sinks[sink === 0 ? 0 : 1].write(batchOf(files))).toEqual([]);
          }
          const greatest = Math.max(...given.flatMap(({ traces }) => traces));
          for (const table of ['state', 'image'] as const) {
            const found = (await under.rows(table)).filter((row) => row.tenant_id === tenant_id);
            expect(found.map((row) => row.patient_id)).toEqual([`P${greatest}`]);
          }
        }),
        { numRuns: 15 },
      );
    } finally {
      await sinks[1].close();
      await under.dispose();
    }
  });

  it('are not loaded again on a replay', async () => {
    const under = await openDorisUnderTest({ loadPeriodMs: 1 });
    const records = batchOf([1, 2, 3].map((n) => ({ created_time: time, trace_id: trace(n), sop_uid: `1.${n}` })));
    await under.sink.write(records);
    const before = under.double.cluster.received.length;
    const replay = batchOf([1, 2, 3].map((n) => ({ created_time: time, trace_id: trace(n), sop_uid: `1.${n}` })));
    await under.sink.write(replay);
    expect(under.double.cluster.received.slice(before).map(({ table }) => table)).toEqual(['dicom_object_meta']);
    await under.dispose();
  });
});
