import { describe, expect, it } from 'vitest';
import { reasonOf, refusedRows } from '../../../src/databases/doris/refused-rows.ts';
import { IMAGE_TABLE } from '../../../src/databases/doris/tables.ts';
import { recordOf } from '../../../src/testing/sink-contract-batches.ts';

const rows = ['1.2.3.4', '1.2.3.40', '1.2.3.5'].map((sop_uid) => {
  const { image } = recordOf({ sop_uid, study_uid: '1.2', series_uid: '1.2.3', tenant_id: 'clinic' });
  if (image === null) throw new Error('no image row');
  return image;
});
const [first, , third] = rows;
const named = (log: string | undefined, count: number) => refusedRows(log, count, { table: IMAGE_TABLE, rows });
const plain = (sop: string) => `Reason: null value. src line [clinic 1.2 1.2.3 ${sop} P1 NULL];\n`;

describe('the rows that an error log names', () => {
  it('are found by the JSON or by the words of their keys', () => {
    const json = `Reason: null value. src line [{"tenant_id":"clinic","study_uid":"1.2","series_uid":"1.2.3","sop_uid":"1.2.3.4"}]; \n`;
    expect(named(json, 1)).toEqual(new Set([first]));
    expect(named(plain('1.2.3.4') + plain('1.2.3.5'), 2)).toEqual(new Set([first, third]));
  });

  it.each([
    ['there is no log', undefined, 1],
    ['the log is empty', '', 1],
    ['the log has fewer lines than refused rows', plain('1.2.3.4'), 2],
    ['the log has more lines than refused rows', plain('1.2.3.4') + plain('1.2.3.5'), 1],
    ['a line names none', plain('1.2.3.6'), 1],
    ['a line names two', plain('1.2.3.4 1.2.3.5'), 1],
    ['two lines name the same one', plain('1.2.3.4') + plain('1.2.3.4'), 2],
    ['a line has a part of a key only', 'Reason: null value. src line [clinic 1.2.3.4]\n', 1],
  ])('are unknown if %s', (_, log, count) => {
    expect(named(log, count)).toBeUndefined();
  });
});

describe('the reason in an error log', () => {
  const reason = (line: string | undefined) => reasonOf(line, IMAGE_TABLE);

  it.each([
    [
      'Reason: column_name[rescale_type], the length of input is too long than schema. first 32 bytes of input str: [x] ',
      'value_too_long',
      'rescale_type',
      'value',
    ],
    ['Reason: column(width) values is null while columns is not nullable. src line [1]', 'null_value', 'width', 'rule'],
    ['Reason: no partition for this tuple. tuple=[2026]', 'no_partition', undefined, 'rule'],
    ['Reason: column_name[content_date], parse failed', 'value_invalid', 'content_date', 'value'],
    ['Reason: something else', 'filtered_rows', undefined, 'value'],
  ])('%s', (line, detail, column, about) => {
    expect(reason(line)).toEqual({ detail, column, about });
  });

  it('is not taken from a value, and neither is a column', () => {
    expect(reason('Reason: something else. src line [{"a":"null value column_name[width]"}]').detail).toBe(
      'filtered_rows',
    );
    expect(reason('Reason: something else in [null value]').detail).toBe('filtered_rows');
    expect(reason('Reason: column_name[DOE_JANE], parse failed').column).toBeUndefined();
    expect(reason(undefined)).toEqual({ detail: 'filtered_rows', column: undefined, about: 'value' });
  });
});
