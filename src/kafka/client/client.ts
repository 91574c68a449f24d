/**
 * The only import of the native Kafka client, and what its types leave out. The RdKafka API, not the KafkaJS-like one: that one skips
 * records after `pause()` and resolves `acknowledgeRecords()` before the broker has answered.
 */
import { RdKafka } from '@confluentinc/kafka-javascript';
import { ConfigError } from '../../errors.ts';
import { wakeWhenClockIsSetBack } from './clock-watch.ts';
import { followPassword, revealed } from './credentials.ts';
import { reasonOf, watchDisconnectReasons } from './disconnect-reason.ts';
import { nativeCall } from './native-calls.ts';

export type NativeMessage = RdKafka.Message;
export type NativeError = RdKafka.LibrdKafkaError;
export type NativeMetadata = RdKafka.Metadata;
export type NativeHeaders = RdKafka.MessageHeader[];

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** `topic/partition`: for logs, and as a key. */
export function partitionName({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}

export interface PartitionOffset extends Partition {
  readonly offset: number;
}

/** librdkafka's settings by their own names. A Secret among them is revealed as a client is made. */
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

/** Throws a ConfigError when a secret's file can't be read just now. */
export function newConsumer(config: NativeConfig): NativeConsumer {
  const settings = revealed(config);
  const consumer = watched(new RdKafka.KafkaConsumer(settings) as NativeConsumer, config, settings);
  wakeWhenClockIsSetBack(consumer, () => consumer.assignments());
  return consumer;
}

/** Throws a ConfigError when a secret's file can't be read just now. */
export function newProducer(config: NativeConfig): NativeProducer {
  const settings = revealed(config);
  const producer = watched(new RdKafka.Producer(settings), config, settings);
  wakeWhenClockIsSetBack(producer, () =>
    nativeCall<[]>(
      'metadata',
      (done) => producer.getMetadata({ timeout: 1_000 }, () => done()),
      () => undefined,
    ),
  );
  return producer;
}

function watched<T extends NativeConsumer | NativeProducer>(
  client: T,
  config: NativeConfig,
  settings: NativeConfig,
): T {
  followPassword(client, config, settings);
  watchDisconnectReasons(client);
  // A token whose file can't be read comes here; without a listener it would end the process. librdkafka asks again in ten seconds.
  (client as NodeJS.EventEmitter).on('error', () => undefined);
  return client;
}

const NAMES = new Map(Object.entries(ERRORS).map(([name, code]) => [code, name]));

/** The client's events carry no codes, only librdkafka's constant texts. */
const EVENT_TEXTS: Readonly<Record<string, string>> = {
  'all broker connections are down': 'ERR__ALL_BROKERS_DOWN',
  'authentication failure': 'ERR__AUTHENTICATION',
  'broker transport failure': 'ERR__TRANSPORT',
  'ssl error': 'ERR__SSL',
};

/** librdkafka's name of an error (`ERR__TRANSPORT`), which says more in a log than its number and never quotes a record. */
export function errorName(error: unknown): string {
  if (error instanceof ConfigError) return 'secret_unreadable';
  const text = error instanceof Error ? EVENT_TEXTS[error.message] : undefined;
  if (text !== undefined) return text;
  const code = errorCode(error);
  return NAMES.get(code) ?? `code ${code}`;
}

/** Why a client is away from its brokers: a word of ours where its log gave a reason (away.ts), else the error's name. */
export function disconnectReason(client: object | undefined, error: unknown): string {
  return (client === undefined ? undefined : reasonOf(client)) ?? errorName(error);
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
    nativeCall<[NativeError, NativeMetadata]>(
      'connect',
      (done) => client.connect({ timeout: timeoutMs }, done),
      (error, metadata) => (error ? reject(error) : resolve(metadata)),
    );
  });
}

/**
 * Disconnects; gives up waiting after `timeoutMs`, since librdkafka waits for brokers that may never answer. Never rejects. Who calls it
 * while it is under way waits for the same end.
 */
export async function disconnect(client: Connectable, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([disconnected(client), timeout]);
  clearTimeout(timer);
}

/** The client never calls back whoever asks it a second time. */
const disconnecting = new WeakMap<Connectable, Promise<void>>();

function disconnected(client: Connectable): Promise<void> {
  const known = disconnecting.get(client);
  if (known !== undefined) return known;
  // A producer that isn't connected throws here; there is nothing to end then.
  if (!client.isConnected()) return Promise.resolve();
  const end = new Promise<void>((resolve) => {
    nativeCall<[]>('disconnect', (done) => client.disconnect(done), resolve);
  });
  disconnecting.set(client, end);
  return end;
}
