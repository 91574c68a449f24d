import { describe, expect, it } from 'vitest';
import { type Dialect, insertInto, WRITTEN_TABLES } from '../../../src/databases/mysql/write-statement.ts';
import { WRITTEN_TABLES as POSTGRES_TABLES } from '../../../src/databases/postgres/write-statement.ts';
import { DICOM_STORE_META_FIELDS } from '../../../src/records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../../src/records/output-fields.ts';

const textOf = (kind: string, dialect: Dialect) => {
  const table = WRITTEN_TABLES.find((each) => each.kind === kind);
  if (table === undefined) throw new Error(kind);
  return insertInto(table, dialect);
};
const assigned = (kind: string) =>
  [...textOf(kind, 'mysql').tail.matchAll(/[ ,]`(\w+)`=if\(/g)].map(([, name]) => name);

describe('the tables of the MySQL driver', () => {
  it('have the names, columns and keys of the PostgreSQL driver', () => {
    const namesOf = (tables: typeof WRITTEN_TABLES | typeof POSTGRES_TABLES) =>
      tables.map(({ name, columns, values, key }) => ({
        name,
        key,
        values,
        columns: columns.map((each) => each.name),
      }));
    expect(namesOf(WRITTEN_TABLES)).toEqual(namesOf(POSTGRES_TABLES));
  });

  it('have a column for every field of a record', () => {
    const fields = [DICOM_STORE_META_FIELDS, STATE_META_FIELDS, IMAGE_META_FIELDS];
    expect(WRITTEN_TABLES.map(({ columns }) => new Set(columns.map(({ name }) => name)))).toEqual(
      fields.map((names) => new Set(names)),
    );
  });
});

describe('the write statements', () => {
  it('assign the version last, because each assignment sees those before it', () => {
    expect(assigned('state').slice(-2)).toEqual(['source_trace_id', 'source_time']);
    expect(assigned('image').slice(-2)).toEqual(['source_trace_id', 'source_time']);
    expect(assigned('object').at(-1)).toBe('created_time');
  });

  it('never assign a key, pregnancy_status, or created_time of a series or image', () => {
    for (const kind of ['state', 'image'])
      for (const name of ['tenant_id', 'study_uid', 'series_uid', 'pregnancy_status', 'created_time'])
        expect(assigned(kind)).not.toContain(name);
    expect(assigned('object')).not.toContain('trace_id');
  });

  it('use a row alias on MySQL, which has deprecated VALUES(), and VALUES() on MariaDB, which has no alias', () => {
    expect(textOf('state', 'mysql').tail).toMatch(/^ as n on duplicate key update /);
    expect(textOf('state', 'mysql').tail).not.toContain('values(');
    expect(textOf('state', 'mariadb').tail).toMatch(/^ on duplicate key update /);
    expect(textOf('state', 'mariadb').tail).not.toContain('n.`');
  });
});
