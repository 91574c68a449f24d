import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { PostgresStatementError } from '../../../src/databases/postgres/connection.ts';

/** The error of a row that the server refuses with `code` at `place`. */
function refusal(code: string, place: { table: string; column?: string; constraint?: string }): PostgresStatementError {
  const error = Object.assign(new pg.DatabaseError('CANARY^PATIENT', 0, 'error'), { code, ...place });
  return new PostgresStatementError('db', { code: 'rejected', detail: code }, 'write', 'h:5432', error);
}

describe('A refusal by PostgreSQL', () => {
  it.each([
    ['a column that the service does not have', 'dicom_object_meta', 'ward'],
    ['a column of another service', 'dicom_state_meta', 'pregnancy_status'],
    ['a column that is null in every record', 'dicom_image_meta', 'thumbnail_location'],
  ])('is about the table where %s is null', (_, table, column) => {
    expect(refusal('23502', { table, column })).toMatchObject({ about: 'table', place: `${table}.${column}` });
  });

  it.each([
    ['a column that records fill is null', '23502', { table: 'dicom_state_meta', column: 'patient_name' }],
    ['the table is not one of ours', '23502', { table: 'dicom_state_meta_2026', column: 'ward' }],
    ['no column is named', '23502', { table: 'dicom_state_meta' }],
    ['a check fails', '23514', { table: 'dicom_state_meta', constraint: 'sex' }],
  ])('is about a rule where %s', (_, code, place) => {
    expect(refusal(code, place).about).toBe('rule');
  });

  it('is about the value where it is too long', () => {
    expect(refusal('22001', { table: 'dicom_state_meta', column: 'ward' }).about).toBe('value');
  });
});
