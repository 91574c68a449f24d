import type { GroupedRecord, Rejection } from '../records/records.ts';

/** One connection of a database sink, used by one statement at a time. */
export interface DatabaseWriter {
  /**
   * Makes the rows of `records` durable in one transaction. Resolves to the records that the server refused by name, the others stored.
   * A server that only says that some row was bad rejects with a StatementError `rejected`, and nothing is stored: the caller divides.
   * Every other failure rejects with a SinkError; a StatementError means that the server answered.
   */
  store(records: readonly GroupedRecord[]): Promise<readonly Rejection[]>;
  close(): Promise<void>;
}
