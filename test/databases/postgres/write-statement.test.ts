import { describe, expect, it } from 'vitest';
import { POSTGRES_WRITE_STATEMENT, WRITTEN_TABLES } from '../../../src/databases/postgres/write-statement.ts';
import { DICOM_STORE_META_FIELDS } from '../../../src/records/dicom-store-meta.ts';
import { recordOf } from '../../../src/testing/sink-contract-batches.ts';

const [objects, states, images] = WRITTEN_TABLES;
const names = (table: (typeof WRITTEN_TABLES)[number]) => table.columns.map((column) => column.name);
const statementOf = (table: string) =>
  POSTGRES_WRITE_STATEMENT.split('insert into').find((part) => part.includes(`"${table}"`)) ?? '';
const changedBy = (table: string) => /do update set\n(.*)\nwhere/.exec(statementOf(table))?.[1] ?? '';

describe('the write statement', () => {
  it('fills a column for every field of a record', () => {
    const { state, image } = recordOf({});
    expect(new Set(names(objects))).toEqual(new Set(DICOM_STORE_META_FIELDS));
    expect(new Set(names(states))).toEqual(new Set(Object.keys(JSON.parse(String(state?.json)))));
    expect(new Set(names(images))).toEqual(new Set(Object.keys(JSON.parse(String(image?.json)))));
  });

  it('never writes pregnancy_status, which belongs to another program', () => {
    expect(POSTGRES_WRITE_STATEMENT).not.toContain('pregnancy_status');
  });

  it('has the keys of the contract', () => {
    expect(WRITTEN_TABLES.map((table) => [table.name, ...table.key])).toEqual([
      ['dicom_object_meta', 'trace_id'],
      ['dicom_state_meta', 'tenant_id', 'study_uid', 'series_uid'],
      ['dicom_image_meta', 'tenant_id', 'study_uid', 'series_uid', 'sop_uid'],
    ]);
  });

  it('sets created_time of a series or image once, and moves that of an object, which is its version', () => {
    expect(changedBy('dicom_state_meta')).not.toContain('"created_time"');
    expect(changedBy('dicom_image_meta')).not.toContain('"created_time"');
    expect(changedBy('dicom_object_meta')).toContain('"created_time" = excluded."created_time"');
  });

  it("moves updated_time by the database's clock, not by what the record says", () => {
    for (const table of ['dicom_state_meta', 'dicom_image_meta']) {
      expect(statementOf(table)).toContain('clock_timestamp()::timestamp');
      expect(statementOf(table)).not.toContain('r."updated_time"');
      expect(changedBy(table)).toContain('"updated_time" = excluded."updated_time"');
    }
  });

  it('has one parameter per table', () => {
    expect([...POSTGRES_WRITE_STATEMENT.matchAll(/\$\d/g)].map(([parameter]) => parameter)).toEqual(['$1', '$2', '$3']);
  });
});
