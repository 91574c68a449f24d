/** The native client's types, and methods that its declarations omit. */
import type { RdKafka } from '@confluentinc/kafka-javascript';

/** A consumed message. */
export type NativeMessage = RdKafka.Message;
/** An error of librdkafka. */
export type NativeError = RdKafka.LibrdKafkaError;
/** The answer to a metadata request. */
export type NativeMetadata = RdKafka.Metadata;
/** The headers of a message, one object each. */
export type NativeHeaders = RdKafka.MessageHeader[];
/** A producer of the RdKafka API. */
export type NativeProducer = RdKafka.Producer;

/** A partition of a topic. */
export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** An offset in a partition. */
export interface PartitionOffset extends Partition {
  readonly offset: number;
}

/** `topic/partition`: in logs, and as a key. */
export function partitionName({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}

/** librdkafka's settings by name. A Secret among the values is revealed when a client is created. */
export type NativeConfig = Record<string, unknown>;

/** Methods of the consumer that are missing from the client's types. */
interface UntypedConsumerMethods {
  incrementalAssign(partitions: readonly Partition[]): void;
  incrementalUnassign(partitions: readonly Partition[]): void;
  /** `NONE` before the first assignment, then `EAGER` or `COOPERATIVE`. */
  rebalanceProtocol(): 'NONE' | 'EAGER' | 'COOPERATIVE';
  assignmentLost(): boolean;
  /** With `true`, `consume(n)` waits for its first record only, and returns it with the records already fetched. */
  setDefaultIsTimeoutOnlyForFirstMessage(value: boolean): void;
}

/** A consumer of the RdKafka API. */
export type NativeConsumer = RdKafka.KafkaConsumer & UntypedConsumerMethods;
