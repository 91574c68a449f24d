/**
 * The reason why a client has no connection, or has failed fatally, as one code. The client's errors say only "transport" or "fatal"
 * for most causes; its log has the reason.
 */

/**
 * Patterns of librdkafka's log lines of the facility FAIL; the first match wins. `$1` in a reason is a broker's address, `host:port`, as
 * configured or advertised. Nothing else of a line is kept.
 */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/SASL authentication error|SASL .*mechanism handshake failed/, 'sasl_failed'],
  // Wrong host name, expired, or an untrusted authority: librdkafka doesn't distinguish them.
  [/certificate verify failed/, 'certificate_refused'],
  // RFC 8446 section 6.2: bad, unsupported, revoked, expired and unknown certificate, unknown authority, access denied, none given.
  [/SSL alert number (?:4[2-689]|116)\b/, 'client_certificate_refused'],
  [/in state SSL_HANDSHAKE/, 'tls_failed'],
  // A broker has an id in the log once its advertised address is known.
  [/([^\s/]+)\/\d+: Failed to resolve /, 'advertised_host_unresolved:$1'],
  [/([^\s/]+)\/bootstrap: Failed to resolve /, 'host_unresolved:$1'],
  [/([^\s/]+)\/\d+: Connect to \S+ failed: /, 'advertised_host_unreachable:$1'],
];

/** Causes of fatal errors: patterns of librdkafka's log lines of the facility FATAL. */
const FATAL_CAUSES: readonly (readonly [RegExp, string])[] = [
  [/same group\.instance\.id/, 'ERR_FENCED_INSTANCE_ID'],
  [/Producer fenced by newer instance|newer producer with the same transactional/, 'ERR_PRODUCER_FENCED'],
  [/old epoch/, 'ERR_INVALID_PRODUCER_EPOCH'],
  [/out of order sequence number/i, 'ERR_OUT_OF_ORDER_SEQUENCE_NUMBER'],
  [/Transactional Id authorization failed/, 'ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
  [/Topic authorization failed/, 'ERR_TOPIC_AUTHORIZATION_FAILED'],
  [/Group authorization failed/, 'ERR_GROUP_AUTHORIZATION_FAILED'],
  [/Cluster authorization failed/, 'ERR_CLUSTER_AUTHORIZATION_FAILED'],
];

/** librdkafka's name of the error that ended a transaction, from its log lines of the facility TXNERR. */
const TRANSACTION_ERROR = /Current transaction failed in state .*\((\w+)(?:, requires epoch bump)?\)$/s;

/** A reason older than this is ignored. librdkafka logs a repeated line only every 30 s. */
const FRESH_MS = 60_000;

interface FoundReason {
  readonly reason: string;
  readonly at: number;
}

const lastReasons = new WeakMap<object, FoundReason>();
const transactionErrors = new WeakMap<object, FoundReason>();
const fatalCauses = new WeakMap<object, string>();

interface LogEmitter {
  on(event: 'event.log', listener: (line: { readonly fac?: unknown; readonly message?: unknown }) => void): unknown;
}

/** Starts to watch a client's log. */
export function watchDisconnectReasons(client: LogEmitter): void {
  client.on('event.log', ({ fac, message }) => {
    if (typeof message !== 'string') return;
    if (fac === 'FATAL') {
      const cause = find(FATAL_CAUSES, message);
      if (cause !== undefined) fatalCauses.set(client, cause);
    }
    if (fac === 'TXNERR') {
      const name = TRANSACTION_ERROR.exec(message)?.[1];
      // librdkafka's names lack the prefix that `errorName` has: _TIMED_OUT, MSG_SIZE_TOO_LARGE.
      if (name !== undefined) transactionErrors.set(client, { reason: `ERR_${name}`, at: performance.now() });
    }
    if (fac !== 'FAIL') return;
    const reason = find(REASONS, message);
    if (reason === undefined) lastReasons.delete(client);
    else lastReasons.set(client, { reason, at: performance.now() });
  });
}

function find(patterns: readonly (readonly [RegExp, string])[], message: string): string | undefined {
  for (const [pattern, reason] of patterns) {
    const match = pattern.exec(message);
    if (match !== null) return reason.replace('$1', match[1] ?? '');
  }
  return undefined;
}

/**
 * `sasl_failed`, `certificate_refused`, `client_certificate_refused`, `tls_failed`, `host_unresolved:HOST:PORT`,
 * `advertised_host_unresolved:HOST:PORT`, `advertised_host_unreachable:HOST:PORT`; undefined when the log had none within FRESH_MS.
 */
export function reasonOf(client: object): string | undefined {
  return fresh(lastReasons.get(client));
}

/** The name of the error that ended the client's last failed transaction; undefined when none did within FRESH_MS. */
export function transactionErrorOf(client: object): string | undefined {
  return fresh(transactionErrors.get(client));
}

function fresh(found: FoundReason | undefined): string | undefined {
  return found !== undefined && performance.now() - found.at < FRESH_MS ? found.reason : undefined;
}

/**
 * librdkafka's name of a client's fatal error; undefined when it has none or the error isn't in FATAL_CAUSES. The log line may arrive
 * shortly after ERR__FATAL.
 */
export function fatalCauseOf(client: object): string | undefined {
  return fatalCauses.get(client);
}
