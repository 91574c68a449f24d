/**
 * The only import of the native Kafka client, and what its types leave out. The RdKafka API, not the KafkaJS-like one: that one skips
 * records after `pause()` and resolves `commitOffsets()` before the broker has answered.
 */
import { RdKafka } from '@confluentinc/kafka-javascript';

export type NativeMessage = RdKafka.Message;
export type NativeError = RdKafka.LibrdKafkaError;
export type NativeMetadata = RdKafka.Metadata;
export type NativeHeaders = RdKafka.MessageHeader[];

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends Partition {
  readonly offset: number;
}

/** librdkafka's settings by their own names. */
export type NativeConfig = Record<string, unknown>;

/** The consumer's methods that exist but are missing from the client's types. */
interface UntypedConsumerMethods {
  incrementalAssign(partitions: readonly Partition[]): void;
  incrementalUnassign(partitions: readonly Partition[]): void;
  /** `NONE` before the first assignment, then `EAGER` or `COOPERATIVE`. */
  rebalanceProtocol(): 'NONE' | 'EAGER' | 'COOPERATIVE';
  assignmentLost(): boolean;
  /** With `true` a `consume(n)` waits for its first record only, and takes of the rest what is there. */
  setDefaultIsTimeoutOnlyForFirstMessage(value: boolean): void;
}

export type NativeConsumer = RdKafka.KafkaConsumer & UntypedConsumerMethods;
export type NativeProducer = RdKafka.Producer;

export const ERRORS = RdKafka.CODES.ERRORS;

export function newConsumer(config: NativeConfig): NativeConsumer {
  return new RdKafka.KafkaConsumer(config) as NativeConsumer;
}

export function newProducer(config: NativeConfig): NativeProducer {
  return new RdKafka.Producer(config);
}

const NAMES = new Map(Object.entries(ERRORS).map(([name, code]) => [code, name]));

/** librdkafka's name of an error (`ERR__TRANSPORT`), which says more in a log than its number and never quotes a record. */
export function errorName(error: unknown): string {
  const code = errorCode(error);
  return NAMES.get(code) ?? `code ${code}`;
}

/** librdkafka's number of an error; NaN for what isn't one. */
export function errorCode(error: unknown): number {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? error.code
    : Number.NaN;
}

type Connectable = {
  isConnected(): boolean;
  connect(options: { timeout?: number }, callback: (error: NativeError, metadata: NativeMetadata) => void): unknown;
  disconnect(callback: () => void): unknown;
};

/** Connects within `timeoutMs` or rejects with the client's error; a client that failed once is not to be used again. */
export function connect(client: Connectable, timeoutMs: number): Promise<NativeMetadata> {
  return new Promise((resolve, reject) => {
    client.connect({ timeout: timeoutMs }, (error, metadata) => (error ? reject(error) : resolve(metadata)));
  });
}

/** Disconnects; gives up waiting after `timeoutMs`, since librdkafka waits for brokers that may never answer. Never rejects. */
export function disconnect(client: Connectable, timeoutMs: number): Promise<void> {
  // A producer that isn't connected throws here; there is nothing to end then.
  if (!client.isConnected()) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    client.disconnect(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
