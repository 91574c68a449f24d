import type { RecordHeader } from '../../records/records.ts';
import type { NativeHeaders, NativeMessage } from './types.ts';

/** The client's headers (one object each) as pairs: names may repeat, and the order is kept. */
export function toHeaders(native: NativeHeaders | undefined): readonly RecordHeader[] {
  if (native === undefined || native.length === 0) return NONE;
  return native.map((header): RecordHeader => {
    const [entry] = Object.entries(header);
    // The client sets the name as a property; `__proto__` sets the object's prototype instead.
    const [name, value] = entry ?? ['__proto__', Object.getPrototypeOf(header)];
    return [name, value === null ? null : Buffer.from(value)];
  });
}

const NONE: readonly RecordHeader[] = [];

/** Pairs in the client's form. The client reads a null header value as an empty one, so an empty one is written. */
export function toNativeHeaders(headers: readonly RecordHeader[]): NativeHeaders {
  return headers.map(([name, value]) => ({ [name]: toNativeBytes(value) ?? EMPTY }));
}

/** A key as bytes; the client delivers strings or buffers. */
export function toKey(native: NativeMessage['key']): Buffer | null {
  return typeof native === 'string' ? Buffer.from(native) : (native ?? null);
}

/** Bytes in the client's form. An empty value differs from null, which is a tombstone. */
export function toNativeBytes(value: string | Buffer | null): Buffer | null {
  if (value === null) return null;
  return value.length === 0 ? EMPTY : typeof value === 'string' ? Buffer.from(value) : value;
}

// The client takes a buffer without an address for null. An empty slice of a longer buffer has an address.
const EMPTY = Buffer.alloc(1).subarray(0, 0);
