/** Why a client has no connection, as one code. The client's errors say "transport" for nearly everything; its log has the reason. */

/** Patterns of librdkafka's log lines of the facility FAIL; the first match wins. The lines may name hosts, so only the code is passed on. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/SASL authentication error|SASL .*mechanism handshake failed/, 'sasl_failed'],
  // Wrong host name, expired, or an untrusted authority: librdkafka doesn't distinguish them.
  [/certificate verify failed/, 'certificate_refused'],
  // RFC 8446 section 6.2: bad, unsupported, revoked, expired and unknown certificate, unknown authority, access denied, none given.
  [/SSL alert number (?:4[2-689]|116)\b/, 'client_certificate_refused'],
  [/in state SSL_HANDSHAKE/, 'tls_failed'],
];

/** librdkafka suppresses a repeated line for 30 s; a reason older than this is no longer used. */
const FRESH_MS = 60_000;

interface FoundReason {
  readonly reason: string;
  readonly at: number;
}

const lastReasons = new WeakMap<object, FoundReason>();

interface LogEmitter {
  on(event: 'event.log', listener: (line: { readonly fac?: unknown; readonly message?: unknown }) => void): unknown;
}

/** Starts to follow a client's log. */
export function watchDisconnectReasons(client: LogEmitter): void {
  client.on('event.log', ({ fac, message }) => {
    if (fac !== 'FAIL' || typeof message !== 'string') return;
    const reason = REASONS.find(([pattern]) => pattern.test(message))?.[1];
    if (reason === undefined) lastReasons.delete(client);
    else lastReasons.set(client, { reason, at: performance.now() });
  });
}

/** `sasl_failed`, `certificate_refused`, `client_certificate_refused`, `tls_failed`; undefined when the log gave no such reason within FRESH_MS. */
export function reasonOf(client: object): string | undefined {
  const found = lastReasons.get(client);
  return found !== undefined && performance.now() - found.at < FRESH_MS ? found.reason : undefined;
}
