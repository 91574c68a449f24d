import type { RecordHeader } from '../records/records.ts';
import type { NativeHeaders } from './client.ts';

/** The client's headers, one object each, as pairs: names may repeat, and order counts. */
export function toHeaders(native: NativeHeaders | undefined): readonly RecordHeader[] {
  if (native === undefined || native.length === 0) return NONE;
  return native.flatMap((header) =>
    Object.entries(header).map(([name, value]): RecordHeader => [name, value === null ? null : Buffer.from(value)]),
  );
}

const NONE: readonly RecordHeader[] = [];

/** Pairs as the client takes them. It knows no null value, so that becomes an empty one. */
export function toNativeHeaders(headers: readonly RecordHeader[]): NativeHeaders {
  return headers.map(([name, value]) => ({ [name]: value ?? Buffer.alloc(0) }));
}
