/** The native client's types, and what its own declarations leave out. */
import type { RdKafka } from '@confluentinc/kafka-javascript';

export type NativeMessage = RdKafka.Message;
export type NativeError = RdKafka.LibrdKafkaError;
export type NativeMetadata = RdKafka.Metadata;
export type NativeHeaders = RdKafka.MessageHeader[];
export type NativeProducer = RdKafka.Producer;

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends Partition {
  readonly offset: number;
}

/** `topic/partition`: in logs, and as a key. */
export function partitionName({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}

/** librdkafka's settings by their own names. A Secret among them is revealed when a client is created. */
export type NativeConfig = Record<string, unknown>;

/** The consumer's methods that exist but are missing from the client's types. */
interface UntypedConsumerMethods {
  incrementalAssign(partitions: readonly Partition[]): void;
  incrementalUnassign(partitions: readonly Partition[]): void;
  /** `NONE` before the first assignment, then `EAGER` or `COOPERATIVE`. */
  rebalanceProtocol(): 'NONE' | 'EAGER' | 'COOPERATIVE';
  assignmentLost(): boolean;
  /** With `true`, `consume(n)` waits for its first record only and adds the records that are already there. */
  setDefaultIsTimeoutOnlyForFirstMessage(value: boolean): void;
}

export type NativeConsumer = RdKafka.KafkaConsumer & UntypedConsumerMethods;
