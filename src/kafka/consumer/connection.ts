import { setTimeout as sleep } from 'node:timers/promises';
import { connect, disconnect, disconnectReason, newConsumer } from '../client/client.ts';
import type { NativeConfig, NativeConsumer, Partition } from '../client/types.ts';
import { type OffsetReset, toOffsetReset } from './offset-reset.ts';
import type { Statistics } from './statistics.ts';

/** The native client's callbacks. They run while the client is polled. */
export interface ConnectionCallbacks {
  /** `error` is ERR__ASSIGN_PARTITIONS or ERR__REVOKE_PARTITIONS. The client waits for `assign()` or `unassign()`. */
  rebalance(consumer: NativeConsumer, error: unknown, partitions: readonly Partition[]): void;
  /** The broker's answer to a commit; `error` is undefined when it accepted all of it. */
  commitAnswered(error: unknown): void;
  disconnected(detail: string): void;
  /** Every `statistics.interval.ms`. */
  statistics(statistics: Statistics): void;
  /** The client resets a partition to the beginning of its log because there is no record at this offset. */
  offsetReset(reset: OffsetReset): void;
}

/** How long `consume()` waits for its first record, in milliseconds. */
export const POLL_MS = 100;
/** How long the close of a client may take, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5_000;
/** Deadline of the last commit before a revocation or the close, in milliseconds. A reachable broker answers within a few. */
export const FLUSH_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 1_000;

/**
 * Creates a member of the group and subscribes it. Retries while `wanted()` returns true, since the service must survive broker
 * outages; then resolves to undefined. `changed` ends the pause between two attempts early.
 */
export async function joinGroup(
  config: NativeConfig,
  topics: readonly string[],
  callbacks: ConnectionCallbacks,
  { wanted, changed }: { wanted(): boolean; changed(): Promise<void> },
): Promise<NativeConsumer | undefined> {
  while (wanted()) {
    let consumer: NativeConsumer | undefined;
    try {
      consumer = createConsumer(config, callbacks);
      await connect(consumer, CONNECT_TIMEOUT_MS);
      consumer.subscribe([...topics]);
      return consumer;
    } catch (error) {
      callbacks.disconnected(disconnectReason(consumer, error));
      if (consumer !== undefined) void disconnect(consumer, CLOSE_TIMEOUT_MS);
      await Promise.race([sleep(RECONNECT_MS), changed()]);
    }
  }
  return undefined;
}

function createConsumer(config: NativeConfig, callbacks: ConnectionCallbacks): NativeConsumer {
  const consumer = newConsumer({
    ...config,
    // The Committer commits acknowledged records only, one commit at a time.
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    // Applies to offsets that go out of range during consumption; StartQueries resolves the start offsets.
    'auto.offset.reset': 'earliest',
    offset_commit_cb: (error: unknown) => callbacks.commitAnswered(error),
    rebalance_cb: (error: unknown, partitions: readonly Partition[]) =>
      callbacks.rebalance(consumer, error, partitions),
  });
  consumer.setDefaultConsumeTimeout(POLL_MS);
  consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
  consumer.on('event.error', (error) => callbacks.disconnected(disconnectReason(consumer, error)));
  consumer.on('event.stats', (event: { message: string }) => callbacks.statistics(JSON.parse(event.message)));
  consumer.on('event.log', (line: unknown) => {
    const reset = toOffsetReset(line);
    if (reset !== undefined) callbacks.offsetReset(reset);
  });
  return consumer;
}
