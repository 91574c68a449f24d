/** Why a client is away from its brokers, in a word: its errors call nearly everything "transport", only its log knows better. */

/** What librdkafka's log lines of the facility FAIL say, the first that fits. They may name hosts: nothing of them is passed on. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/SASL authentication error|SASL .*mechanism handshake failed/, 'sasl_failed'],
  // Another name, expired, or of an authority that isn't trusted: librdkafka doesn't tell them apart.
  [/certificate verify failed/, 'certificate_refused'],
  // RFC 8446 section 6.2: bad, unsupported, revoked, expired and unknown certificate, unknown authority, access denied, none given.
  [/SSL alert number (?:4[2-689]|116)\b/, 'client_certificate_refused'],
  [/in state SSL_HANDSHAKE/, 'tls_failed'],
];

/** A line that repeats the one before is suppressed for half a minute; what was said so long ago no longer counts. */
const FRESH_MS = 60_000;

interface Away {
  readonly reason: string;
  readonly at: number;
}

const away = new WeakMap<object, Away>();

interface Talking {
  on(event: 'event.log', listener: (line: { readonly fac?: unknown; readonly message?: unknown }) => void): unknown;
}

/** Listens to a client's log from now on. */
export function watchDisconnectReasons(client: Talking): void {
  client.on('event.log', ({ fac, message }) => {
    if (fac !== 'FAIL' || typeof message !== 'string') return;
    const reason = REASONS.find(([pattern]) => pattern.test(message))?.[1];
    if (reason === undefined) away.delete(client);
    else away.set(client, { reason, at: performance.now() });
  });
}

/** `sasl_failed`, `certificate_refused`, `client_certificate_refused`, `tls_failed`; undefined when the log gave no such reason lately. */
export function reasonOf(client: object): string | undefined {
  const found = away.get(client);
  return found !== undefined && performance.now() - found.at < FRESH_MS ? found.reason : undefined;
}
