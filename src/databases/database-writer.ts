import type { GroupedRecord, Rejection } from '../records/records.ts';

/** One connection of a database sink, used by one statement at a time. */
export interface DatabaseWriter {
  /**
   * Stores the rows of `records` durably in one transaction. Resolves to none, or to the records that the server identified as bad. In the
   * latter case others may not be stored: the caller stores the rest again, including rows that those of the bad records superseded.
   * If the server doesn't identify the bad row, rejects with a StatementError `rejected` and stores nothing; the caller then divides the
   * statement. Rejects with a SinkError for every other failure; a StatementError means that the server answered.
   */
  store(records: readonly GroupedRecord[]): Promise<readonly Rejection[]>;
  close(): Promise<void>;
}
