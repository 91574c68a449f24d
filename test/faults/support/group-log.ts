/**
 * How often a group has been rebalanced, by the broker's own record: its generation (classic) or epoch (`consumer` protocol) in
 * `__consumer_offsets`. Formats: Kafka's GroupMetadataKey/Value.json and ConsumerGroupMetadataKey/Value.json.
 */
import { readTopic } from '../../../src/kafka/admin/read-topic.ts';

const GROUP_METADATA = 2;
const CONSUMER_GROUP_METADATA = 3;

/** The group's last generation or epoch; 0 for a group that the broker doesn't know. */
export async function readGeneration(brokers: string, group: string): Promise<number> {
  let last = 0;
  for await (const { key, value } of readTopic({ 'bootstrap.servers': brokers }, '__consumer_offsets')) {
    if (key === null || value === null) continue;
    const kind = key.readInt16BE(0);
    if (kind !== GROUP_METADATA && kind !== CONSUMER_GROUP_METADATA) continue;
    if (key.toString('utf8', 4, 4 + key.readInt16BE(2)) !== group) continue;
    last = Math.max(last, value.readInt32BE(kind === GROUP_METADATA ? behindProtocolType(value) : 2));
  }
  return last;
}

/** From version 4 a string's length is a varint, one more than the length; protocol types are short. */
function behindProtocolType(value: Buffer): number {
  return value.readInt16BE(0) >= 4 ? 2 + value.readUInt8(2) : 4 + value.readInt16BE(2);
}
