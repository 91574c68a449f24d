import { describe, expect, it } from 'vitest';
import { MysqlStatementError } from '../../../src/databases/mysql/statement-error.ts';
import { WRITTEN_TABLES } from '../../../src/databases/mysql/write-statement.ts';

/** The error of a row that the server refuses with `errno`. */
function refusal(errno: number, message: string): MysqlStatementError {
  const error = Object.assign(new Error(message), { errno, sqlState: 'HY000' });
  const table = WRITTEN_TABLES.find(({ kind }) => kind === 'image');
  const failure = { code: 'rejected', detail: String(errno) } as const;
  return new MysqlStatementError('db', failure, { operation: 'write', address: 'h:3306', table, error });
}

describe('A refusal by MySQL or MariaDB', () => {
  it.each([
    ['a column has no default', 1364, "Field 'ward' doesn't have a default value"],
    ['a column that is null in every record is null', 1048, "Column 'thumbnail_location' cannot be null"],
  ])('is about the table where %s', (_, errno, message) => {
    expect(refusal(errno, message).about).toBe('table');
  });

  it.each([
    ['a column that records fill is null', 1048, "Column 'rescale_type' cannot be null"],
    ['a check fails', 3819, "Check constraint 'sex' is violated."],
    ['no partition takes the row', 1526, 'Table has no partition for value 2027'],
  ])('is about a rule where %s', (_, errno, message) => {
    expect(refusal(errno, message).about).toBe('rule');
  });

  it('is about the value where it is too long', () => {
    expect(refusal(1406, "Data too long for column 'rescale_type' at row 1").about).toBe('value');
  });
});
