import { NEVER } from 'rxjs';
import type { WaitingRecords } from '../ports.ts';
import { type ConsumedRecord, Origin } from '../records/records.ts';

/** An origin without content, for code that must not read it. */
export class MemoryOrigin extends Origin {}

/** For a source whose partitions are never revoked. */
export const neverRevoked: WaitingRecords = {
  revoked$: NEVER,
  isWanted: () => true,
  resumable: (due) => due,
  waits: () => undefined,
  resumes: () => undefined,
};

/** A record as a source emits it. */
export function consumedRecord(value: Buffer | null, fields: Partial<ConsumedRecord> = {}): ConsumedRecord {
  return { origin: new MemoryOrigin(), key: null, value, headers: [], ...fields };
}
