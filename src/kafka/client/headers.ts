import type { RecordHeader } from '../../records/records.ts';
import type { NativeHeaders, NativeMessage } from './client.ts';

/** The client's headers, one object each, as pairs: names may repeat, and order counts. */
export function toHeaders(native: NativeHeaders | undefined): readonly RecordHeader[] {
  if (native === undefined || native.length === 0) return NONE;
  return native.map((header): RecordHeader => {
    const [entry] = Object.entries(header);
    // The client sets the name as a property: this name, and no other, lands elsewhere.
    const [name, value] = entry ?? ['__proto__', Object.getPrototypeOf(header)];
    return [name, value === null ? null : Buffer.from(value)];
  });
}

const NONE: readonly RecordHeader[] = [];

/** Pairs as the client takes them. It reads a header without a value as one with an empty value, so that is what is written. */
export function toNativeHeaders(headers: readonly RecordHeader[]): NativeHeaders {
  return headers.map(([name, value]) => ({ [name]: toNativeBytes(value) ?? EMPTY }));
}

/** A key as bytes, whatever the client made of it. */
export function toKey(native: NativeMessage['key']): Buffer | null {
  return typeof native === 'string' ? Buffer.from(native) : (native ?? null);
}

/** Bytes as the client takes them: of length 0 is another thing than none. */
export function toNativeBytes(value: string | Buffer | null): Buffer | null {
  if (value === null) return null;
  return value.length === 0 ? EMPTY : typeof value === 'string' ? Buffer.from(value) : value;
}

// An empty buffer of its own has no address, and the client takes what has no address for null: a tombstone instead of an empty value.
const EMPTY = Buffer.alloc(1).subarray(0, 0);
