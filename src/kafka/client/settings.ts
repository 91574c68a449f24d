/** From the configuration to librdkafka's settings. Each number that differs from librdkafka's default says why. */
import type { InputConfig, KafkaConnectionConfig, ProducerConfig, SaslConfig, TlsConfig } from '../../config/config.ts';
import type { NativeConfig } from './client.ts';

/**
 * `classic` works on every broker. `eager` is classic too, but stops every member at each rebalance: for a group whose other members have
 * no cooperative assignor. `consumer` (KIP-848) needs Kafka 4.0 and rebalances without stopping members.
 */
export type GroupProtocol = 'classic' | 'eager' | 'consumer';

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
    // Enough prefetch for full speed. More only takes memory: half a kilobyte per record besides its bytes.
    'queued.min.messages': 2_000,
    'queued.max.messages.kbytes': 8_192,
    'statistics.interval.ms': 5_000,
    // Partitions and topics that are created later, or granted later, are consumed within this time. The default is five minutes.
    'topic.metadata.refresh.interval.ms': 15_000,
    // Requests wait behind a fetch at the broker; one that times out would make the client drop the connection.
    'socket.timeout.ms': Math.max(
      SOCKET_TIMEOUT_MS,
      Math.min(input.fetchMaxWaitMs + FETCH_MARGIN_MS, MAX_SOCKET_TIMEOUT_MS),
    ),
  };
}

/** Under `consumer` the broker decides these, and the client rejects them. */
function groupSettings(input: InputConfig, protocol: GroupProtocol): NativeConfig {
  if (protocol === 'consumer') return { 'group.protocol': 'consumer' };
  return {
    'group.protocol': 'classic',
    'partition.assignment.strategy': protocol === 'eager' ? 'range,roundrobin' : 'cooperative-sticky',
    'session.timeout.ms': input.sessionTimeoutMs,
    'heartbeat.interval.ms': input.heartbeatIntervalMs,
  };
}

export function producerSettings(producer: ProducerConfig): NativeConfig {
  return {
    ...connectionSettings(producer),
    'enable.idempotence': producer.idempotentWrite,
    acks: -1,
    // The default of Java and Redpanda Connect: every producer sends the same key to the same partition.
    partitioner: 'murmur2_random',
    'compression.codec': producer.compression,
    'request.timeout.ms': producer.timeoutMs,
    'message.max.bytes': producer.maxMessageBytes,
    // Forty batches are in flight, each with a few records for each partition: what comes within this time goes in one request, which spares
    // the brokers a fifth of their work, compressed half of it. A batch is under way for some 110 ms at full speed.
    'linger.ms': 10,
    // No deadline for a record in the queue: one that expires is sent again, although a throttled broker may have it already. That the
    // brokers acknowledge nothing is noticed by the producer (PRODUCE_DEADLINE_MS).
    'message.timeout.ms': 0,
    // How long a topic that a broker does not know may still be about to be created; then its records fail.
    'topic.metadata.propagation.max.ms': 5_000,
    'queue.buffering.max.messages': 100_000,
  };
}

/**
 * A dead letter is as large as what was consumed, decompressed, and its error headers: the client's own limit is the greatest that
 * librdkafka allows, so the topic decides.
 */
export function deadLetterSettings(producer: ProducerConfig): NativeConfig {
  return { ...producerSettings(producer), 'message.max.bytes': 1_000_000_000 };
}

/** A producer's brokers count as unavailable when they acknowledge nothing for this long: within 30 s of going silent. Milliseconds. */
export const PRODUCE_DEADLINE_MS = 20_000;

const SOCKET_TIMEOUT_MS = 10_000;
/** librdkafka's limit of `socket.timeout.ms`. */
const MAX_SOCKET_TIMEOUT_MS = 300_000;
const FETCH_MARGIN_MS = 5_000;

export function connectionSettings(connection: KafkaConnectionConfig): NativeConfig {
  return {
    'bootstrap.servers': connection.seedBrokers.join(','),
    'client.id': connection.clientId,
    'socket.keepalive.enable': true,
    // A broker that returns is found within seconds; one that doesn't is tried at most every 2 s.
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 2_000,
    // With nothing to publish, only these two detect a silent broker: an answer that doesn't arrive, then a connection that isn't
    // accepted. Within 30 s in all.
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
    // The file is read at each refresh, so that a rotated token is used.
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
