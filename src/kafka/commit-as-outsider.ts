import { connect, disconnect, type NativeConfig, newConsumer, type PartitionOffset } from './client.ts';

/** Commits offsets for a group without joining it: for a group that nobody is in. Rejects with the client's error otherwise. */
export async function commitAsOutsider(
  config: NativeConfig,
  group: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  if (offsets.length === 0) return;
  const consumer = newConsumer({ ...config, 'group.id': group, 'enable.auto.commit': false });
  try {
    await connect(consumer, 10_000);
    consumer.commitSync(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
  } finally {
    await disconnect(consumer, 5_000);
  }
}
