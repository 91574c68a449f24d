import type { ConsumedRecord } from '../records/records.ts';
import { ERROR_HEADERS } from '../sinks/dead-letter.ts';

/** A record of the dead-letter topic, its error headers read. */
export interface DeadLetter {
  /** As it stands in the dead-letter topic. */
  readonly record: ConsumedRecord;
  readonly exception: string;
  /** Our own text: a code, or fields and what was expected of them. */
  readonly message: string;
  /** Where it came from; undefined when the headers don't say (somebody else wrote it). */
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number } | undefined;
  /** How often it was redriven before. */
  readonly redrives: number;
}

/** Counts how often a record was redriven, so that one that can never work doesn't go round for ever. */
export const REDRIVES_HEADER = 'wado.redrives';

export function readDeadLetter(record: ConsumedRecord): DeadLetter {
  // The last of a name counts: a record that failed twice carries its errors twice if somebody redrove it by other means.
  const headers = new Map(record.headers.map(([name, value]) => [name, value?.toString() ?? '']));
  const topic = headers.get(ERROR_HEADERS.topic);
  return {
    record,
    exception: headers.get(ERROR_HEADERS.exception) ?? '',
    message: headers.get(ERROR_HEADERS.message) ?? '',
    origin:
      topic === undefined
        ? undefined
        : {
            topic,
            partition: Number(headers.get(ERROR_HEADERS.partition)),
            offset: Number(headers.get(ERROR_HEADERS.offset)),
          },
    redrives: Number.parseInt(headers.get(REDRIVES_HEADER) ?? '0', 10) || 0,
  };
}

/** The code that a message begins with: `missing_required` of `missing_required:PATIENT_ID`; the field of a parse error. */
export function codeOf({ message }: DeadLetter): string {
  return /^\w+/.exec(message)?.[0] ?? '';
}
