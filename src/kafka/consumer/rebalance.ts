import { ERRORS, type NativeConsumer, type Partition } from '../client/client.ts';
import type { SourceEvents } from './source.ts';
import type { StartOffset } from './start-offsets.ts';
import type { WatermarkTracker } from './watermark.ts';

interface RebalanceContext {
  readonly tracker: WatermarkTracker;
  readonly drainTimeoutMs: number;
  /** Where to begin with partitions that come; they themselves when the client is to find out. */
  startOffsetsOf(partitions: readonly Partition[]): Promise<readonly StartOffset[]>;
  /** Commits what is acked; resolves when that is done or can't be. */
  commit(): Promise<void>;
  readonly events: SourceEvents;
}

/**
 * Answers the group: takes what is assigned, and gives back what is revoked after what was in flight of it has been finished and
 * committed, or the deadlines of both have passed. Everything is answered, since the client's close waits for an answer for ever.
 * Returns how many records were given up unacked.
 */
export async function onRebalance(
  consumer: NativeConsumer,
  code: number,
  partitions: readonly Partition[],
  { tracker, drainTimeoutMs, startOffsetsOf, commit, events }: RebalanceContext,
): Promise<number> {
  const cooperative = consumer.rebalanceProtocol() === 'COOPERATIVE';
  if (code === ERRORS.ERR__ASSIGN_PARTITIONS) {
    const positions = await startOffsetsOf(partitions);
    tracker.assign(partitions);
    if (cooperative) consumer.incrementalAssign(positions);
    else consumer.assign([...positions]);
    events.assigned?.(partitions);
    return 0;
  }
  // Lost partitions already have another owner: a commit for them would be refused, and waiting would only delay the rejoin.
  const lost = consumer.assignmentLost();
  if (!lost) {
    await drain(tracker, partitions, drainTimeoutMs);
    await commit();
  }
  const unacked = tracker.unackedOf(partitions);
  tracker.forget(partitions);
  if (cooperative) consumer.incrementalUnassign(partitions);
  else consumer.unassign();
  events.revoked?.(partitions, lost, unacked);
  return unacked;
}

async function drain(tracker: WatermarkTracker, partitions: readonly Partition[], timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0 || tracker.unackedOf(partitions) === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, left);
    });
    await Promise.race([tracker.changed(), timeout]);
    clearTimeout(timer);
  }
}
