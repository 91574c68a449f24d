import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DORIS_TABLES } from '../../src/databases/doris/tables.ts';
import { readDorisSchema } from '../../src/databases/doris/verify.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../src/records/output-fields.ts';
import { compareVersions } from '../../src/records/version.ts';
import { statementsOf } from './pull.ts';

const statements = statementsOf('Apache Doris');
const TOPICS = [
  { table: 'dicom_state_meta', topic: 'dicom_state_queue', fields: STATE_META_FIELDS },
  { table: 'dicom_image_meta', topic: 'dicom_image_queue', fields: IMAGE_META_FIELDS },
];
/** Left to the table: the default of a new row, and the value of another service. */
const NOT_LOADED = ['created_time', 'series_related_instances', 'pregnancy_status'];

describe('the Routine Load statements in docs/pull.md', () => {
  it.each(TOPICS)(
    'load every other field of $topic into its column, and the sequence column from the version',
    ({ table, topic, fields }) => {
      const statement = statements.find((sql) => sql.includes(` ON ${table}\n`)) ?? '';
      expect(statement).toContain(`"kafka_topic" = "${topic}"`);
      const columns = /COLUMNS\(([\s\S]*?)\n\)\nPROPERTIES/.exec(statement)?.[1] ?? '';
      const [plain = '', derived = ''] = columns.split('`source_order` =');
      const names = [...plain.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
      expect(names).toEqual(fields.filter((field) => !NOT_LOADED.includes(field)));
      const filled = [...names, 'source_order', ...NOT_LOADED];
      for (const { name } of readDorisSchema().get(table) ?? []) expect(filled).toContain(name);
      expect([...derived.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(['source_time', 'source_trace_id']);
      expect(DORIS_TABLES.find(({ name }) => name === table)?.sequence).toBe('source_order');
      for (const property of ['"format" = "json"', '"strict_mode" = "true"', '"partial_columns" = "true"'])
        expect(statement).toContain(property);
    },
  );

  it('order by time and then by the first 16 digits of a UUID, within a LARGEINT', () => {
    const [statement = ''] = statements;
    const factor = BigInt(/cast\('(\d+)' as largeint\)/.exec(statement)?.[1] ?? '0');
    const digits = Number(/, 1, (\d+)\), 16, 10\)/.exec(statement)?.[1]);
    const order = (micros: bigint, traceId: string) =>
      micros * factor + BigInt(`0x${traceId.replaceAll('-', '').slice(0, digits)}`);
    const greatest = order(315_537_897_599_999_999n, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    expect(greatest).toBeLessThan(2n ** 127n);
    const uuid = fc.uuid({ version: 7 });
    const micros = fc.bigInt({ min: 0n, max: 3n });
    fc.assert(
      fc.property(micros, uuid, micros, uuid, (a, traceA, b, traceB) => {
        const versions = [
          { time: String(a), traceId: traceA },
          { time: String(b), traceId: traceB },
        ] as const;
        const difference = order(a, traceA) - order(b, traceB);
        if (compareVersions(versions[0], versions[1]) > 0) expect(difference >= 0n).toBe(true);
        else expect(difference <= 0n).toBe(true);
      }),
    );
  });
});
