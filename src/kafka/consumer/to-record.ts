import type { ConsumedRecord } from '../../records/records.ts';
import type { NativeMessage } from '../client/client.ts';
import { toHeaders, toKey } from '../client/headers.ts';
import { KafkaOrigin } from './origin.ts';

/** The client's message as a record. */
export function toRecord(message: NativeMessage): ConsumedRecord {
  const { key, value, headers } = message;
  return { origin: new KafkaOrigin(message), key: toKey(key), value, headers: toHeaders(headers) };
}
