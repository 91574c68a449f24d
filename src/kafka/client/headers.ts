import type { RecordHeader } from '../../records/records.ts';
import type { NativeHeaders, NativeMessage } from './types.ts';

/** Converts the client's headers (one object each) to pairs. Names may repeat, and the order is kept. */
export function toHeaders(native: NativeHeaders | undefined): readonly RecordHeader[] {
  if (native === undefined || native.length === 0) return NONE;
  return native.map((header): RecordHeader => {
    const [entry] = Object.entries(header);
    // The client assigns the name as a property, which for `__proto__` sets the object's prototype instead.
    const [name, value] = entry ?? ['__proto__', Object.getPrototypeOf(header)];
    return [name, value === null ? null : Buffer.from(value)];
  });
}

const NONE: readonly RecordHeader[] = [];

/** Converts pairs to the client's headers. A null value is written as an empty one, which is how the client reads it. */
export function toNativeHeaders(headers: readonly RecordHeader[]): NativeHeaders {
  return headers.map(([name, value]) => ({ [name]: toNativeBytes(value) ?? EMPTY }));
}

/** Converts a key to bytes; the client returns strings or buffers. */
export function toKey(native: NativeMessage['key']): Buffer | null {
  return typeof native === 'string' ? Buffer.from(native) : (native ?? null);
}

/** Converts a key or value to the client's bytes. An empty value differs from null, which is a tombstone. */
export function toNativeBytes(value: string | Buffer | null): Buffer | null {
  if (value === null) return null;
  return value.length === 0 ? EMPTY : typeof value === 'string' ? Buffer.from(value) : value;
}

// The client treats a buffer without an address as null. An empty slice of a longer buffer has an address.
const EMPTY = Buffer.alloc(1).subarray(0, 0);
