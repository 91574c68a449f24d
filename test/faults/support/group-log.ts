/**
 * How often a group has rebalanced: its generation (classic protocol) or epoch (`consumer` protocol), read from the broker's
 * `__consumer_offsets`. Formats: Kafka's GroupMetadataKey/Value.json and ConsumerGroupMetadataKey/Value.json.
 */
import { readTopic } from '../../../src/kafka/admin/read-topic.ts';

const GROUP_METADATA = 2;
const CONSUMER_GROUP_METADATA = 3;

/** The group's last generation or epoch; 0 when the broker doesn't know the group. */
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

/** From version 4 on, a string begins with its length plus one, as a varint. The protocol type is shorter than 127 bytes. */
function behindProtocolType(value: Buffer): number {
  return value.readInt16BE(0) >= 4 ? 2 + value.readUInt8(2) : 4 + value.readInt16BE(2);
}
