import { SourceError } from '../../errors.ts';
import {
  connect,
  disconnect,
  ERRORS,
  errorCode,
  errorName,
  type NativeConfig,
  newConsumer,
  type PartitionOffset,
} from '../client/client.ts';

const TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Commits offsets for a group without joining it: for a group that nobody is in. Rejects with a SourceError: `fenced` when somebody is in
 * it (the broker takes commits of its members only then), `unavailable` for all else.
 */
export async function alterGroupOffsets(
  config: NativeConfig,
  group: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  if (offsets.length === 0) return;
  // The client waits as long for a coordinator as a session lasts; its default would be 45 s, and no timer runs meanwhile.
  const consumer = newConsumer({
    ...config,
    'group.id': group,
    'enable.auto.commit': false,
    'session.timeout.ms': TIMEOUT_MS,
  });
  try {
    await connect(consumer, TIMEOUT_MS);
    consumer.commitSync(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
  } catch (error) {
    throw new SourceError(FOREIGN.has(errorCode(error)) ? 'fenced' : 'unavailable', errorName(error));
  } finally {
    await disconnect(consumer, CLOSE_TIMEOUT_MS);
  }
}

/** What a group with members answers to a commit of somebody else's. */
const FOREIGN: ReadonlySet<number> = new Set([
  ERRORS.ERR_UNKNOWN_MEMBER_ID,
  ERRORS.ERR_ILLEGAL_GENERATION,
  ERRORS.ERR_REBALANCE_IN_PROGRESS,
]);
