/**
 * Creates, connects and disconnects native Kafka clients. They use the RdKafka API: the KafkaJS-like one skips records after `pause()`
 * and resolves `commitOffsets()` before the broker has answered.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RdKafka } from '@confluentinc/kafka-javascript';
import { ConfigError } from '../../errors.ts';
import { wakeWhenClockIsSetBack } from './clock-watch.ts';
import { followPassword, revealed } from './credentials.ts';
import { reasonOf, watchDisconnectReasons } from './disconnect-reason.ts';
import { nativeCall } from './native-calls.ts';
import type { NativeConfig, NativeConsumer, NativeMetadata, NativeProducer } from './types.ts';

export * from './types.ts';

/** librdkafka's error codes by name. */
export const ERRORS = RdKafka.CODES.ERRORS;

/** Creates a consumer. Throws a ConfigError when the file of a secret can't be read. */
export function newConsumer(config: NativeConfig): NativeConsumer {
  const settings = revealed(config);
  const consumer = watched(new RdKafka.KafkaConsumer(settings) as NativeConsumer, config, settings);
  wakeWhenClockIsSetBack(consumer, () => consumer.assignments());
  return consumer;
}

/** Creates a producer. Throws a ConfigError when the file of a secret can't be read. */
export function newProducer(config: NativeConfig): NativeProducer {
  const settings = revealed(config);
  const producer = watched(new RdKafka.Producer(settings), config, settings);
  wakeWhenClockIsSetBack(
    producer,
    () =>
      void nativeCall<NativeMetadata>('metadata', (done) => producer.getMetadata({ timeout: 1_000 }, done)).catch(
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
  // An unreadable token file raises 'error', which would end the process without a listener. librdkafka retries after 10 s.
  (client as NodeJS.EventEmitter).on('error', () => undefined);
  return client;
}

const NAMES = new Map(Object.entries(ERRORS).map(([name, code]) => [code, name]));

/** The client's error events have no codes, only librdkafka's constant texts. */
const EVENT_TEXTS: Readonly<Record<string, string>> = {
  'all broker connections are down': 'ERR__ALL_BROKERS_DOWN',
  'authentication failure': 'ERR__AUTHENTICATION',
  'broker transport failure': 'ERR__TRANSPORT',
  'ssl error': 'ERR__SSL',
};

/** librdkafka's name of an error (`ERR__TRANSPORT`), for logs: clearer than its number, and never quotes a record. */
export function errorName(error: unknown): string {
  if (error instanceof ConfigError) return 'secret_unreadable';
  const text = error instanceof Error ? EVENT_TEXTS[error.message] : undefined;
  if (text !== undefined) return text;
  const code = errorCode(error);
  return NAMES.get(code) ?? `code ${code}`;
}

/** Why a client has no connection: the reason in its log (disconnect-reason.ts), else the error's name. */
export function disconnectReason(client: object | undefined, error: unknown): string {
  return (client === undefined ? undefined : reasonOf(client)) ?? errorName(error);
}

/** librdkafka's code of an error; NaN for any other value. */
export function errorCode(error: unknown): number {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? error.code
    : Number.NaN;
}

type Connectable = {
  isConnected(): boolean;
  connect(options: { timeout?: number }, callback: (error: unknown, metadata: NativeMetadata) => void): unknown;
  disconnect(callback: () => void): unknown;
};

/** Connects within `timeoutMs` or rejects with the client's error. A client that failed once must not be used again. */
export function connect(client: Connectable, timeoutMs: number): Promise<NativeMetadata> {
  return nativeCall('connect', (done) => client.connect({ timeout: timeoutMs }, done));
}

/**
 * Disconnects. Stops waiting after `timeoutMs`, since librdkafka waits for brokers that may never answer. Never rejects. Concurrent
 * calls wait for the same disconnect.
 */
export async function disconnect(client: Connectable, timeoutMs: number): Promise<void> {
  const settled = new AbortController();
  const timeout = sleep(timeoutMs, undefined, { signal: settled.signal }).catch(() => undefined);
  await Promise.race([disconnected(client), timeout]);
  settled.abort();
}

/** Disconnects in progress: the client never calls back on a second `disconnect()`. */
const disconnecting = new WeakMap<Connectable, Promise<void>>();

function disconnected(client: Connectable): Promise<void> {
  const known = disconnecting.get(client);
  if (known !== undefined) return known;
  // `disconnect()` of a producer that isn't connected throws.
  if (!client.isConnected()) return Promise.resolve();
  const end = nativeCall<unknown>('disconnect', (done) => client.disconnect(() => done(null, undefined))).then(
    () => undefined,
    () => undefined,
  );
  disconnecting.set(client, end);
  return end;
}
