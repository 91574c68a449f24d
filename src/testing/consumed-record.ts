import { type ConsumedRecord, Origin } from '../records/records.ts';

/** An origin that says nothing: whatever works with it reads no origin. */
export class MemoryOrigin extends Origin {}

/** A record as a source emits it, from nowhere. */
export function consumedRecord(value: Buffer | null, fields: Partial<ConsumedRecord> = {}): ConsumedRecord {
  return { origin: new MemoryOrigin(), key: null, value, headers: [], ...fields };
}
