import { readDeadLetter } from '../../dead-letters/read-dead-letter.ts';
import type { TopicRecord } from '../../kafka/admin/read-topic.ts';
import type { StoredRow, TableName } from '../sink-contract.ts';

/** Where rows are read: a Stack, or an object of the test's own. */
export interface HasRows {
  /** All rows of a table, by the names of docs/tables.md. */
  rows(table: TableName): readonly StoredRow[] | Promise<readonly StoredRow[]>;
}

/** Where dead letters are read: a Stack, or an object of the test's own. */
export interface HasDeadLetters {
  /** All records of the dead-letter topic. */
  read(topic: 'deadLetter'): readonly TopicRecord[] | Promise<readonly TopicRecord[]>;
}

/** What has committed offsets: a Stack or a Pipeline. */
export interface HasCommitted {
  /** The sum of the committed offsets. */
  committed(): number | Promise<number>;
}

/** A study as `generateStudies` makes it. What is left out is not compared. */
export interface ExpectedStudy {
  readonly studyInstanceUid: string;
  readonly series?: number;
  readonly instances?: number;
}

/** What a matcher returns to vitest. */
export interface MatcherResult {
  readonly pass: boolean;
  /** What vitest prints when the expectation fails. */
  readonly message: () => string;
}

/** Matchers for `expect.extend(matchers)`. They look once; wait before, e.g. with `stack.untilCommitted()`, or use `expect.poll`. */
export const matchers = {
  /** The tables hold the study, with as many series and instances as it has. */
  async toHaveStudy(received: HasRows, study: ExpectedStudy): Promise<MatcherResult> {
    const { studyInstanceUid: uid } = study;
    const count = async (table: TableName) =>
      (await received.rows(table)).filter(({ study_uid }) => study_uid === uid).length;
    const found = { series: await count('state'), instances: await count('image') };
    const pass = found.series > 0 && fits(found.series, study.series) && fits(found.instances, study.instances);
    const sizes = `${found.series} series and ${found.instances} instances`;
    const wanted = `${study.series ?? 'any number of'} series and ${study.instances ?? 'any number of'} instances`;
    return {
      pass,
      message: () =>
        pass
          ? `expected the tables not to have study ${uid}, and they have ${sizes} of it`
          : `expected the tables to have ${wanted} of study ${uid}, and they have ${sizes}`,
    };
  },

  /** The record, or the record of this key, is in the dead-letter topic of `where`, for this reason if one is given: `not_json`. */
  async toBeDeadLettered(
    received: { readonly key: string } | string,
    where: HasDeadLetters,
    code?: string,
  ): Promise<MatcherResult> {
    const key = typeof received === 'string' ? received : received.key;
    const letters = (await where.read('deadLetter')).filter((record) => String(record.key) === key).map(readDeadLetter);
    const codes = letters.map((letter) => letter.code).join(', ') || 'none';
    const pass = letters.some((letter) => code === undefined || letter.code === code);
    const reason = code === undefined ? '' : ` with the code ${code}`;
    return {
      pass,
      message: () =>
        `expected the record ${key} ${pass ? 'not ' : ''}to be dead-lettered${reason}; codes of its dead letters: ${codes}`,
    };
  },

  /** The sum of the committed offsets is `records`: on a topic without gaps, the number of records that are done. */
  async toBeCommittedTo(received: HasCommitted, records: number): Promise<MatcherResult> {
    const committed = await received.committed();
    const pass = committed === records;
    return {
      pass,
      message: () =>
        `expected ${pass ? 'another number than ' : ''}${records} records to be committed, not ${committed}`,
    };
  },
};

function fits(found: number, wanted: number | undefined): boolean {
  return wanted === undefined || found === wanted;
}

declare module 'vitest' {
  interface Matchers<T> {
    toHaveStudy(study: ExpectedStudy): T extends HasRows ? Promise<void> : never;
    toBeDeadLettered(
      where: HasDeadLetters,
      code?: string,
    ): T extends string | { readonly key: string } ? Promise<void> : never;
    toBeCommittedTo(records: number): T extends HasCommitted ? Promise<void> : never;
  }
}
