import { describe, expect, it } from 'vitest';
import { findFault } from '../../../src/databases/postgres/verify.ts';

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
const there = (change: Record<string, { type: string; length: number | null } | undefined> = {}) =>
  new Map(
    Object.entries({
      id: { type: 'character varying', length: 64 },
      size: { type: 'bigint', length: null },
      at: { type: 'timestamp without time zone', length: null },
      weight: { type: 'double precision', length: null },
      more: { type: 'jsonb', length: null },
      ...change,
    }).filter((entry): entry is [string, { type: string; length: number | null }] => entry[1] !== undefined),
  );

describe('findFault', () => {
  it('is content with a table that has more than is needed', () => {
    expect(findFault(table, there())).toBeUndefined();
    expect(findFault(table, there({ id: { type: 'character varying', length: 128 } }))).toBeUndefined();
    expect(findFault(table, there({ id: { type: 'text', length: null } }))).toBeUndefined();
  });

  it('names a missing table and a missing column', () => {
    expect(findFault(table, new Map())).toBe('things:missing');
    expect(findFault(table, there({ at: undefined }))).toBe('things.at:missing');
  });

  it('names a column that could not hold every value, for which each row would be refused one by one', () => {
    expect(findFault(table, there({ id: { type: 'character varying', length: 32 } }))).toBe('things.id:type');
    expect(findFault(table, there({ id: { type: 'bigint', length: null } }))).toBe('things.id:type');
    expect(findFault(table, there({ size: { type: 'integer', length: null } }))).toBe('things.size:type');
    expect(findFault(table, there({ at: { type: 'date', length: null } }))).toBe('things.at:type');
  });
});
