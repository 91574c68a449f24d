import { describe, expect, it } from 'vitest';
import { type FoundColumn, findFault } from '../../../src/databases/postgres/verify.ts';

const table = {
  name: 'things',
  key: ['id'],
  columns: [
    { name: 'id', type: 'varchar(64)' },
    { name: 'size', type: 'bigint' },
    { name: 'at', type: 'timestamp (6)' },
    { name: 'weight', type: 'double precision' },
  ],
};
const column = (type: string, length: number | null = null, more: Partial<FoundColumn> = {}): FoundColumn => ({
  type,
  length,
  required: false,
  filled: false,
  ...more,
});
const there = (change: Record<string, FoundColumn | undefined> = {}) =>
  new Map(
    Object.entries({
      id: column('character varying', 64),
      size: column('bigint'),
      at: column('timestamp without time zone'),
      weight: column('double precision'),
      more: column('jsonb'),
      ...change,
    }).filter((entry): entry is [string, FoundColumn] => entry[1] !== undefined),
  );

describe('findFault', () => {
  it('accepts a table with more than is needed', () => {
    expect(findFault(table, there())).toBeUndefined();
    expect(findFault(table, there({ id: column('character varying', 128) }))).toBeUndefined();
    expect(findFault(table, there({ id: column('text') }))).toBeUndefined();
  });

  it('names a missing table and a missing column', () => {
    expect(findFault(table, new Map())).toBe('things:missing, run wado-consumer migrate');
    expect(findFault(table, there({ at: undefined }))).toBe('things.at:missing, run wado-consumer migrate');
  });

  it('names a column that could not hold every value, for which each row would be refused one by one', () => {
    expect(findFault(table, there({ id: column('character varying', 32) }))).toBe('things.id:type, needs varchar(64)');
    expect(findFault(table, there({ id: column('bigint') }))).toBe('things.id:type, needs varchar(64)');
    expect(findFault(table, there({ size: column('integer') }))).toBe('things.size:type, needs bigint');
    expect(findFault(table, there({ at: column('date') }))).toBe('things.at:type, needs timestamp (6)');
  });

  it('names a time of fewer digits than a version has', () => {
    const at = (digits: number | null) =>
      findFault(table, there({ at: column('timestamp without time zone', digits) }));
    expect([at(3), at(6), at(null)]).toEqual(['things.at:type, needs timestamp (6)', undefined, undefined]);
  });

  it('names a NOT NULL column that no record fills, unless the database fills it', () => {
    const more = (extra: Partial<FoundColumn>) => findFault(table, there({ more: column('text', null, extra) }));
    expect(more({ required: true })).toBe('things.more:not_null, give it a default or allow nulls');
    expect(more({ required: true, filled: true })).toBeUndefined();
    expect(findFault(table, there({ id: column('text', null, { required: true }) }))).toBeUndefined();
    expect(
      findFault(table, there({ thumbnail_location: column('text', null, { required: true, filled: true }) })),
    ).toBe('things.thumbnail_location:not_null, give it a default or allow nulls');
  });
});
