import type { ConsumedRecord } from '../../records/records.ts';
import { toHeaders, toKey } from '../client/headers.ts';
import type { NativeMessage } from '../client/types.ts';
import { KafkaOrigin } from './origin.ts';
import type { Assignment } from './partition-offsets.ts';

/** Converts a message of the client to a record; `assignment` is the one that `track` returned. */
export function toRecord(message: NativeMessage, assignment: Assignment): ConsumedRecord {
  const { key, value, headers, timestamp = -1 } = message;
  return {
    origin: new KafkaOrigin(message, assignment),
    key: toKey(key),
    value,
    headers: toHeaders(headers),
    // Kafka's -1 means none.
    timestamp: timestamp < 0 ? undefined : timestamp,
  };
}
