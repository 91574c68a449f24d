/** Converts the configuration to librdkafka's settings. A comment gives the reason for each number that differs from the default. */
import type { InputConfig, KafkaConnectionConfig, ProducerConfig, SaslConfig, TlsConfig } from '../../config/config.ts';
import type { NativeConfig } from './client.ts';

/**
 * `classic` works with every broker and rebalances cooperatively. `eager` stops every member at each rebalance; use it if the group's
 * other members use it. `consumer` (KIP-848) needs Kafka 4.0 and rebalances without stopping members.
 */
export type GroupProtocol = 'classic' | 'eager' | 'consumer';

/** The settings of the group's consumer. */
export function consumerSettings(input: InputConfig, protocol: GroupProtocol): NativeConfig {
  return {
    ...connectionSettings(input),
    'group.id': input.consumerGroup,
    ...(input.instanceId === undefined ? {} : { 'group.instance.id': input.instanceId }),
    ...(input.rackId === undefined ? {} : { 'client.rack': input.rackId }),
    ...groupSettings(input, protocol),
    'max.poll.interval.ms': Math.max(input.rebalanceTimeoutMs, input.sessionTimeoutMs),
    'auto.offset.reset': input.startOffset === 'committed' ? 'error' : input.startOffset,
    'isolation.level': input.isolationLevel,
    'fetch.max.bytes': input.fetchMaxBytes,
    'max.partition.fetch.bytes': input.fetchMaxPartitionBytes,
    'fetch.min.bytes': input.fetchMinBytes,
    'fetch.wait.max.ms': Math.min(input.fetchMaxWaitMs, MAX_SOCKET_TIMEOUT_MS - FETCH_MARGIN_MS),
    // The default, a pause of 1 s whenever the local queue is full, makes a fast consumer 25 times slower.
    'fetch.queue.backoff.ms': 10,
    // Enough prefetch for full throughput. More only costs memory: half a kilobyte per record in addition to its bytes.
    'queued.min.messages': 2_000,
    'queued.max.messages.kbytes': 8_192,
    'statistics.interval.ms': 5_000,
    // New partitions and topics, and new permissions, are noticed within this time. The default is five minutes.
    'topic.metadata.refresh.interval.ms': 15_000,
    // Requests wait behind a fetch at the broker, and the client drops a connection on which one times out.
    'socket.timeout.ms': Math.max(
      SOCKET_TIMEOUT_MS,
      Math.min(input.fetchMaxWaitMs + FETCH_MARGIN_MS, MAX_SOCKET_TIMEOUT_MS),
    ),
  };
}

/** With the `consumer` protocol, the broker decides the assignor and the timeouts, and the client rejects these settings. */
function groupSettings(input: InputConfig, protocol: GroupProtocol): NativeConfig {
  if (protocol === 'consumer') return { 'group.protocol': 'consumer' };
  return {
    'group.protocol': 'classic',
    'partition.assignment.strategy': protocol === 'eager' ? 'range,roundrobin' : 'cooperative-sticky',
    'session.timeout.ms': input.sessionTimeoutMs,
    'heartbeat.interval.ms': input.heartbeatIntervalMs,
  };
}

/** The settings of the producer for the output topics. */
export function producerSettings(producer: ProducerConfig): NativeConfig {
  return {
    ...connectionSettings(producer),
    'enable.idempotence': producer.idempotentWrite,
    acks: -1,
    // The default of Java and Redpanda Connect, so that every producer sends a key to the same partition.
    partitioner: 'murmur2_random',
    'compression.codec': producer.compression,
    'request.timeout.ms': producer.timeoutMs,
    'message.max.bytes': producer.maxMessageBytes,
    // Many batches are in flight, each with a few records per partition. Sending them in fewer requests saves the brokers a fifth of
    // their work, and half of it with compression. A batch takes some 110 ms at full load, so 10 ms hardly matter.
    'linger.ms': 10,
    // No timeout per record: an expired record would be sent again although a throttled broker may already have it. The producer detects
    // brokers that acknowledge nothing (PRODUCE_DEADLINE_MS).
    'message.timeout.ms': 0,
    // Records for an unknown topic fail after this time, in which the topic may still be created.
    'topic.metadata.propagation.max.ms': 5_000,
    'queue.buffering.max.messages': 100_000,
  };
}

/**
 * The settings of the producer for dead letters. A dead letter is as large as the consumed record, uncompressed, plus its error headers.
 * The client's limit is the highest that librdkafka allows, so that the topic's limit applies.
 */
export function deadLetterSettings(producer: ProducerConfig): NativeConfig {
  return { ...producerSettings(producer), 'message.max.bytes': 1_000_000_000 };
}

/** The brokers count as unavailable when they acknowledge nothing for this time, in milliseconds. */
export const PRODUCE_DEADLINE_MS = 20_000;

const SOCKET_TIMEOUT_MS = 10_000;
/** librdkafka's maximum of `socket.timeout.ms`. */
const MAX_SOCKET_TIMEOUT_MS = 300_000;
const FETCH_MARGIN_MS = 5_000;

/** The settings that every client needs to connect: brokers, timeouts, TLS and SASL. */
export function connectionSettings(connection: KafkaConnectionConfig): NativeConfig {
  return {
    'bootstrap.servers': connection.seedBrokers.join(','),
    'client.id': connection.clientId,
    'socket.keepalive.enable': true,
    // The client reconnects within seconds after an outage, and tries at most every 2 s during one.
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 2_000,
    // An idle producer detects a silent broker only by these two: a request without an answer, then a connection attempt that times out.
    // Together they take less than 30 s.
    'socket.timeout.ms': SOCKET_TIMEOUT_MS,
    'api.version.request.timeout.ms': 5_000,
    'security.protocol': `${connection.sasl === undefined ? '' : 'sasl_'}${connection.tls === undefined ? 'plaintext' : 'ssl'}`,
    ...(connection.tls === undefined ? {} : tlsSettings(connection.tls)),
    ...(connection.sasl === undefined ? {} : saslSettings(connection.sasl)),
  };
}

function tlsSettings(tls: TlsConfig): NativeConfig {
  const { clientCert } = tls;
  return {
    'enable.ssl.certificate.verification': !tls.skipCertVerify,
    'ssl.endpoint.identification.algorithm': tls.skipCertVerify ? 'none' : 'https',
    ...(tls.rootCas === undefined ? {} : { 'ssl.ca.pem': tls.rootCas }),
    ...(tls.rootCasFile === undefined ? {} : { 'ssl.ca.location': tls.rootCasFile }),
    ...(clientCert?.kind === 'inline' ? { 'ssl.certificate.pem': clientCert.cert, 'ssl.key.pem': clientCert.key } : {}),
    ...(clientCert?.kind === 'files'
      ? { 'ssl.certificate.location': clientCert.certFile, 'ssl.key.location': clientCert.keyFile }
      : {}),
    ...(clientCert?.password === undefined ? {} : { 'ssl.key.password': clientCert.password }),
  };
}

function saslSettings(sasl: SaslConfig): NativeConfig {
  if (sasl.mechanism !== 'OAUTHBEARER')
    return {
      'sasl.mechanisms': sasl.mechanism,
      'sasl.username': sasl.username,
      'sasl.password': sasl.password,
    };
  return {
    'sasl.mechanisms': 'OAUTHBEARER',
    // The token's file is read at each refresh, so that a rotated token is used.
    oauthbearer_token_refresh_cb: async () => {
      const tokenValue = sasl.token.reveal();
      return { tokenValue, lifetime: expiryOf(tokenValue), principal: '', extensions: {} };
    },
  };
}

const UNKNOWN_LIFETIME_MS = 5 * 60_000;

/** The expiry of a JWT (RFC 7519, `exp`) in milliseconds since the epoch; five minutes from now for an opaque token. */
function expiryOf(token: string): number {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    if (typeof claims === 'object' && claims !== null && 'exp' in claims && typeof claims.exp === 'number')
      return claims.exp * 1000;
  } catch {
    // Not a JWT.
  }
  return Date.now() + UNKNOWN_LIFETIME_MS;
}
