import { readFileSync } from 'node:fs';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { describe, expect, it } from 'vitest';
import {
  DORIS_TABLES,
  SOURCE_ORDER,
  STATE_TABLE,
  STATE_TABLE_WITHOUT_COUNT,
} from '../../../src/databases/doris/tables.ts';
import { columnFault, modelFault, readDorisSchema, versionFault } from '../../../src/databases/doris/verify.ts';
import { readMigrations } from '../../../src/databases/migrations-folder.ts';
import * as postgres from '../../../src/databases/postgres/schema.ts';

const [migration] = readMigrations('doris');
const statementOf = (table: string) => migration?.statements.find((each) => each.includes(`\`${table}\``)) ?? '';
const schema = readDorisSchema();
const columnsOf = (table: string) => schema.get(table) ?? [];

/** Doris's type for a column of PostgreSQL: a text's characters have up to four bytes. */
function dorisType(type: string): string {
  const length = /^varchar\((\d+)\)$/.exec(type)?.[1];
  if (length !== undefined) return `varchar(${4 * Number(length)})`;
  const types: Readonly<Record<string, string>> = { integer: 'int', 'double precision': 'double', time: 'varchar(12)' };
  return types[type] ?? type.replace(/^timestamp.*/, 'datetime(6)');
}

describe('the tables in Doris', () => {
  it.each(Object.values(postgres).map((table) => getTableConfig(table)))(
    '$name has the columns and keys of PostgreSQL, in types that hold the same values',
    ({ name, columns, primaryKeys }) => {
      const own = new Map(columnsOf(name).map((column) => [column.name, column.type]));
      const key = primaryKeys.flatMap((primaryKey) => primaryKey.columns.map((column) => column.name));
      expect(DORIS_TABLES.find((table) => table.name === name)?.key).toEqual(key);
      expect([...own.keys()].slice(0, key.length)).toEqual(key);
      const more = name === 'dicom_object_meta' ? [] : [[SOURCE_ORDER, 'largeint']];
      expect([...own].sort()).toEqual(
        [...columns.map((column) => [column.name, dorisType(column.getSQLType())]), ...more].sort(),
      );
      for (const column of columns) {
        const nulls = column.notNull ? 'NOT NULL' : 'NULL';
        expect(statementOf(name)).toMatch(new RegExp(`\`${column.name}\` \\S+ ${nulls}\\b`));
      }
    },
  );

  it('are loaded without the columns that a row keeps', () => {
    for (const { name, loaded } of DORIS_TABLES) {
      const unloaded = columnsOf(name).filter((column) => !loaded.includes(column.name));
      expect(unloaded.map((column) => column.name)).toEqual(
        {
          dicom_object_meta: [],
          dicom_state_meta: ['pregnancy_status', 'created_time'],
          dicom_image_meta: ['created_time'],
        }[name],
      );
    }
    expect(STATE_TABLE.loaded.filter((column) => !STATE_TABLE_WITHOUT_COUNT.loaded.includes(column))).toEqual([
      'series_related_instances',
    ]);
  });

  it('are described by docs/tables.md', () => {
    const section = readFileSync('docs/tables.md', 'utf8').split('## Apache Doris')[1] ?? '';
    for (const name of ['source_order', 'dicom_object_meta', 'varchar(12)', 'updated_time'])
      expect(section).toContain(name);
  });
});

describe('the check of the tables in Doris', () => {
  const table = STATE_TABLE;
  const found = () =>
    new Map(
      columnsOf(table.name).map(({ name, type }) => [
        name,
        { type, required: table.key.includes(name), filled: false },
      ]),
    );

  it('accepts the tables of the migration, and wider columns', () => {
    expect(columnFault(table.name, columnsOf(table.name), found())).toBeUndefined();
    for (const each of DORIS_TABLES) expect(modelFault(each, statementOf(each.name))).toBeUndefined();
    const wider = found();
    wider.set('patient_name', { type: 'string', required: false, filled: false });
    wider.set('modality', { type: 'varchar(65533)', required: false, filled: false });
    wider.set('series_number', { type: 'bigint', required: false, filled: false });
    expect(columnFault(table.name, columnsOf(table.name), wider)).toBeUndefined();
  });

  it.each([
    ['patient_name', 'varchar(64)', 'dicom_state_meta.patient_name:type, needs varchar(256)'],
    ['series_number', 'smallint', 'dicom_state_meta.series_number:type, needs int'],
    ['source_time', 'datetime(0)', 'dicom_state_meta.source_time:type, needs datetime(6)'],
    ['source_order', 'bigint', 'dicom_state_meta.source_order:type, needs largeint'],
  ])('names %s if it is %s', (name, type, fault) => {
    const narrow = found().set(name, { type, required: false, filled: false });
    expect(columnFault(table.name, columnsOf(table.name), narrow)).toBe(fault);
  });

  it('names a missing table, a missing column, and a column that nothing fills', () => {
    expect(columnFault(table.name, columnsOf(table.name), new Map())).toBe(
      'dicom_state_meta:missing, run wado-consumer migrate',
    );
    const without = found();
    without.delete('source_order');
    expect(columnFault(table.name, columnsOf(table.name), without)).toMatch(/^dicom_state_meta.source_order:missing/);
    const ward = found().set('ward', { type: 'int', required: true, filled: false });
    expect(columnFault(table.name, columnsOf(table.name), ward)).toMatch(/^dicom_state_meta.ward:not_null/);
  });

  it.each([
    ['UNIQUE KEY', 'DUPLICATE KEY', /^dicom_state_meta:key/],
    ['UNIQUE KEY(`tenant_id`, ', 'UNIQUE KEY(', /^dicom_state_meta:key/],
    ['"enable_unique_key_merge_on_write" = "true"', '"enable_unique_key_merge_on_write" = "false"', /:model/],
    ['"function_column.sequence_col" = "source_order"', '"in_memory" = "false"', /:sequence/],
    ['"function_column.sequence_col" = "source_order"', '"function_column.sequence_col" = "source_time"', /:sequence/],
  ])('names the model of a table with another %s', (part, other, fault) => {
    expect(modelFault(table, statementOf(table.name).replace(part, other))).toMatch(fault);
  });

  it('refuses versions that add no new rows by partial updates in strict mode', () => {
    expect(versionFault('Doris version doris-3.0.8-rc01-abcdef')).toBe('version:too_old, needs Doris 3.1 or newer');
    expect(versionFault('Doris version doris-2.1.9')).toMatch(/too_old/);
    expect(versionFault('Doris version doris-3.1.0-rc02')).toBeUndefined();
    expect(versionFault('Doris version doris-4.0.1')).toBeUndefined();
    expect(versionFault('a build of one’s own')).toBeUndefined();
  });
});
