import type { SinkOperation } from '../../errors.ts';
import { StatementError } from '../statement-error.ts';
import { isAlwaysNull } from '../table-rules.ts';
import { isAboutValue, isTooLarge, locateError, type MysqlFailure } from './errors.ts';
import type { WrittenTable } from './write-statement.ts';

/** Where a statement failed. */
export interface MysqlErrorContext {
  readonly operation: SinkOperation;
  /** `host:port` */
  readonly address: string;
  /** The table of the failed statement. */
  readonly table: WrittenTable | undefined;
  /** The driver's error. */
  readonly error: unknown;
}

/** A failed statement, with table and column by our own names, without values or messages. */
export class MysqlStatementError extends StatementError {
  /** The row that the server named, within its statement, from 1. */
  readonly row: number | undefined;

  constructor(sink: string, failure: MysqlFailure, { operation, address, table, error }: MysqlErrorContext) {
    const { row, column } = locateError(error);
    super(sink, failure.code, failure.detail, {
      operation,
      // The error of a rejected row goes into its dead letter, which must not contain the server's address.
      ...(failure.code === 'rejected' ? {} : { address }),
      table: table?.kind,
      place: placeOf(table, column),
      about: isAboutValue(failure.detail) ? 'value' : isNullOfTable(failure.detail, column) ? 'table' : 'rule',
      tooLarge: isTooLarge(failure.detail),
    });
    this.row = row;
  }
}

// Only columns of ours: the server's text may quote a value in a place where another server has the column.
function placeOf(table: WrittenTable | undefined, column: string | undefined): string | undefined {
  if (table === undefined) return undefined;
  return table.columns.some(({ name }) => name === column) ? `${table.name}.${column}` : table.name;
}

// The statement names each column that the service fills, so a default is missing for others only.
function isNullOfTable(detail: string, column: string | undefined): boolean {
  return detail === '1364' || (detail === '1048' && column !== undefined && isAlwaysNull(column));
}
