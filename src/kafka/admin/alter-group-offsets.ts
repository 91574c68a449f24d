import { SourceError } from '../../errors.ts';
import { connect, disconnect, ERRORS, errorCode, errorName, type NativeConfig, newConsumer } from '../client/client.ts';
import type { CommittedOffset } from '../consumer/committed-offsets.ts';

const TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Commits offsets for a group without joining it. Rejects with a SourceError: `fenced` when the group has members (the broker then accepts
 * commits from members only), `unavailable` for every other error.
 */
export async function alterGroupOffsets(
  config: NativeConfig,
  group: string,
  offsets: readonly CommittedOffset[],
): Promise<void> {
  if (offsets.length === 0) return;
  // The client waits up to session.timeout.ms for a coordinator. The default is 45 s, and `commitSync` blocks the event loop.
  const consumer = newConsumer({
    ...config,
    'group.id': group,
    'enable.auto.commit': false,
    'session.timeout.ms': TIMEOUT_MS,
  });
  try {
    await connect(consumer, TIMEOUT_MS);
    consumer.commitSync(offsets.map((each) => ({ ...each })));
  } catch (error) {
    throw new SourceError(FOREIGN.has(errorCode(error)) ? 'fenced' : 'unavailable', errorName(error));
  } finally {
    await disconnect(consumer, CLOSE_TIMEOUT_MS);
  }
}

/** Errors of a commit to a group that has members. */
const FOREIGN: ReadonlySet<number> = new Set([
  ERRORS.ERR_UNKNOWN_MEMBER_ID,
  ERRORS.ERR_ILLEGAL_GENERATION,
  ERRORS.ERR_REBALANCE_IN_PROGRESS,
]);
