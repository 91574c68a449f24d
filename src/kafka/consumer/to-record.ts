import type { ConsumedRecord } from '../../records/records.ts';
import type { NativeMessage } from '../client/client.ts';
import { toHeaders } from '../client/headers.ts';

/** The client's message as a record; keys are bytes, whatever the client made of them. */
export function toRecord({ topic, partition, offset, key, value, headers, timestamp }: NativeMessage): ConsumedRecord {
  return {
    topic,
    partition,
    offset,
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    value,
    headers: toHeaders(headers),
    timestamp: timestamp ?? 0,
  };
}
