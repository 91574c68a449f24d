import type { BatchProgress } from '../../src/databases/batch-progress.ts';
import { HeldUpRows } from '../../src/databases/held-up-rows.ts';
import { RefusalBreaker } from '../../src/databases/refusal-breaker.ts';
import { StatementError } from '../../src/databases/statement-error.ts';
import { StatementSize } from '../../src/databases/statement-size.ts';
import type { SinkError } from '../../src/errors.ts';
import type { GroupedRecord, StoredFile } from '../../src/records/records.ts';

/** What a database remembers between statements. */
export function memoryOf(limit = Number.MAX_SAFE_INTEGER, checkSchema = async () => undefined) {
  const breaker = new RefusalBreaker({ name: 'db', limit, checkSchema, holdMs: 10_000 });
  return { breaker, heldUp: new HeldUpRows(), size: new StatementSize(2_000, 20_000) };
}

/** Which of the bad records of a statement a database identifies. */
export type Names = 'none' | 'first' | 'all';

/** A database whose statement fails as `fault` says of any of its records, and stores nothing then. */
export function database(
  fault: (record: GroupedRecord) => StatementError | SinkError | undefined,
  names: Names = 'none',
) {
  const stored = new Map<StoredFile, GroupedRecord>();
  let statements = 0;
  return {
    stored,
    statements: () => statements,
    writer: {
      store: async (records: readonly GroupedRecord[]) => {
        statements++;
        const bad = records.flatMap((record) => {
          const error = fault(record);
          return error === undefined ? [] : [{ file: record.file, error }];
        });
        const [first] = bad;
        if (first !== undefined && names === 'none') throw first.error;
        if (first !== undefined) return names === 'first' ? [first] : bad;
        for (const record of records) stored.set(record.file, record);
        return [];
      },
      close: async () => undefined,
    },
  };
}

export const refusal = () => new StatementError('db', 'rejected', '22001', { about: 'value' });
export const unitsOf = (progress: BatchProgress) => progress.pending.map((file) => ({ progress, file }));
