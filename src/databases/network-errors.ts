/** Errors of sockets, name resolution and processes (Node's `error.code`), after which a retry may succeed. */
const SYSTEM_CODES = new Set([
  'EACCES',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENFILE',
  'ENOBUFS',
  'ENOENT',
  'ENOMEM',
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
]);

/**
 * Codes of a failed TLS connection: ours, and Node's for a certificate that expired or was renewed on one side only, which name the failed
 * check.
 */
export const TLS_FAILURE =
  /^(tls_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERROR_IN_CERT)/;

/** Whether Node's error code means that the server can't be reached now, TLS failures included. */
export function isNetworkCode(code: string): boolean {
  return SYSTEM_CODES.has(code) || TLS_FAILURE.test(code);
}

/** mysql2 replaces Node's code of a refused certificate by HANDSHAKE_SSL_ERROR; Node's text remains. */
const TLS_TEXTS: readonly (readonly [start: string, code: string])[] = [
  ["Hostname/IP does not match certificate's altnames", 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['certificate has expired', 'CERT_HAS_EXPIRED'],
  ['unable to verify the first certificate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['unable to get local issuer certificate', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ['self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ['self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
];

/**
 * What a TLS error of mysql2 means: Node's error code, `tls_not_supported` or `tls_failed`. `code` is the error's own. Undefined for other
 * errors.
 */
export function tlsFailure({ message }: Error, code: string | undefined): string | undefined {
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') return 'tls_not_supported';
  if (code !== 'HANDSHAKE_SSL_ERROR') return undefined;
  return TLS_TEXTS.find(([start]) => message.startsWith(start))?.[1] ?? 'tls_failed';
}

// Node's codes, and those that drivers have for the same event.
const LOST = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'answer_cut', 'connection_terminated']);

/**
 * Whether a statement failed because its connection ended without an answer. A proxy ends the connection of a statement that is larger than
 * it accepts.
 */
export function isConnectionLost(detail: string): boolean {
  return LOST.has(detail);
}
