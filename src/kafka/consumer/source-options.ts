import type { NativeConfig } from '../client/types.ts';
import type { SourceEvents } from './events.ts';
import type { IntakeOptions } from './intake.ts';
import type { KnownTopics } from './known-topics.ts';

/** The settings of the Kafka source. */
export interface KafkaSourceOptions extends IntakeOptions {
  readonly name: string;
  readonly topics: readonly string[];
  /** librdkafka's connection, security and group settings (see settings.ts). */
  readonly config: NativeConfig;
  /** Time between two commits, in milliseconds. */
  readonly commitPeriodMs: number;
  /** How long a revocation may delay a rebalance while records are in flight, in milliseconds. */
  readonly drainTimeoutMs: number;
  /**
   * What commits the offsets: the source, or the transaction that publishes the output. With `transaction`, a revocation with records
   * in flight fails the source, because the next owner may already be publishing their output. Default: source.
   */
  readonly commits?: 'source' | 'transaction';
  readonly events?: SourceEvents;
  /** What earlier sources of this process knew about the topics. Default: nothing. */
  readonly knownTopics?: KnownTopics;
}
