import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/records/records.ts';
import { JsonArrayWriter } from '../../src/sinks/json-array.ts';

const rows = fc.array(
  fc
    .record({
      // Some are longer than the memory that there is at first.
      value: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.nat(50_000).map((length) => '山'.repeat(length)),
      ),
      traceId: fc.string({ unit: 'binary' }),
    })
    .map(({ value, traceId }): Row => {
      const version = { time: '2025-01-01T00:00:00.000000', traceId: traceId.toWellFormed() };
      return { identity: '', version, json: Buffer.from(JSON.stringify({ value: value.toWellFormed() })) };
    }),
  { maxLength: 12 },
);

describe('JsonArrayWriter', () => {
  it('writes rows as an array, each with its version where asked, into memory that it uses again', () => {
    const writer = new JsonArrayWriter();
    fc.assert(
      fc.property(rows, fc.boolean(), (list, versioned) => {
        const expected = list.map(({ json, version }) => ({
          ...JSON.parse(String(json)),
          ...(versioned ? { source_time: version.time, source_trace_id: version.traceId } : {}),
        }));
        expect(JSON.parse(String(writer.write(list, { versioned })))).toEqual(expected);
      }),
    );
  });
});
