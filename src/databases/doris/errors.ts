/**
 * The meaning of Doris's errors (docs/dispositions.md). A failed load has no code, only a message, and Doris's MySQL port has one code (1105)
 * for most errors: both are recognised by parts of their texts. A text that isn't listed is retried, since only filtered rows are the rows'
 * fault.
 */
import { type SinkErrorCode, systemCode } from '../../errors.ts';
import { isConnectionLost, tlsFailure } from '../network-errors.ts';

/** The meaning of an error and a bare code for it. Never a message, which may quote values. */
export interface DorisFailure {
  readonly code: SinkErrorCode;
  readonly detail: string;
}

const TOO_LARGE = 'load_too_large';

/** In the order in which they are searched for. */
export const MESSAGES: readonly (readonly [pattern: RegExp, failure: DorisFailure])[] = [
  [/-235\b|too many versions|TOO_MANY_VERSION/i, { code: 'unavailable', detail: 'too_many_versions' }],
  [/exceeds? (?:the )?max size/i, { code: 'unavailable', detail: TOO_LARGE }],
  [/-238\b|too many segments|TOO_MANY_SEGMENTS/i, { code: 'unavailable', detail: 'too_many_segments' }],
  [/MEM_LIMIT_EXCEEDED|MEM_ALLOC_FAILED|memory (?:limit|exceed)/i, { code: 'unavailable', detail: 'memory' }],
  [/running txns on db|too many running/i, { code: 'unavailable', detail: 'too_many_transactions' }],
  [
    /no backend load available|no (?:available|alive) backend|NO_BACKEND/i,
    { code: 'unavailable', detail: 'no_backend' },
  ],
  [/alive replica num|replica num .* quorum/i, { code: 'unavailable', detail: 'no_quorum' }],
  [/no more resource|disk|capacity|quota/i, { code: 'unavailable', detail: 'no_space' }],
  [/access denied for user|no valid basic auth/i, { code: 'unavailable', detail: 'login_refused' }],
  [/access denied|denied/i, { code: 'misconfigured', detail: 'access_denied' }],
  [/(?:can't|cannot) append new rows in partial update/i, { code: 'misconfigured', detail: 'version:too_old' }],
  [/compress data of JSON/i, { code: 'misconfigured', detail: 'gzip:not_supported, set gzip to false' }],
  [/100-continue/i, { code: 'misconfigured', detail: 'expect:removed, a proxy removes the header Expect' }],
  [/unknown database|unknown db/i, { code: 'misconfigured', detail: 'database:missing' }],
  [
    /(?:unknown table|table .*(?:not (?:exist|found)))/i,
    { code: 'misconfigured', detail: 'table:missing, run wado-consumer migrate' },
  ],
  [/unknown column|column .*not (?:exist|found)|sequence column/i, { code: 'misconfigured', detail: 'column:missing' }],
  [/syntax error|mismatched input/i, { code: 'misconfigured', detail: 'syntax' }],
  [/time ?out/i, { code: 'timeout', detail: 'server_timeout' }],
];

/** The meaning of the message of a load that failed without filtered rows. */
export function classifyLoadMessage(message: string): DorisFailure {
  return knownMessage(message) ?? { code: 'unavailable', detail: 'load_failed' };
}

/** The meaning of an HTTP status that isn't 200 or a redirect. */
export function classifyHttpStatus(status: number): DorisFailure {
  if (status === 401) return { code: 'unavailable', detail: 'login_refused' };
  if (status === 403) return { code: 'misconfigured', detail: 'access_denied' };
  // A proxy without a server, or a server that starts.
  return { code: 'unavailable', detail: `http_${status}` };
}

/**
 * Whether a failure with this code may be due to the size of the load: 413 is a proxy's answer, and a BE refuses JSON that exceeds its
 * `streaming_load_json_max_mb`.
 */
export function isTooLarge(detail: string): boolean {
  return detail === TOO_LARGE || detail === 'http_413' || detail === 'memory' || isConnectionLost(detail);
}

/** Errors of MySQL's protocol that Doris reports by their own codes. */
const ERRNOS: Readonly<Record<number, DorisFailure>> = {
  1044: { code: 'misconfigured', detail: 'access_denied' }, // for a database
  1045: { code: 'unavailable', detail: 'login_refused' }, // credentials expire and are rotated
  1049: { code: 'misconfigured', detail: 'database:missing' },
  1050: { code: 'unavailable', detail: 'table_exists' }, // another process has created it meanwhile
  1051: { code: 'misconfigured', detail: 'table:missing, run wado-consumer migrate' },
  1054: { code: 'misconfigured', detail: 'column:missing' },
  1142: { code: 'misconfigured', detail: 'access_denied' },
  1146: { code: 'misconfigured', detail: 'table:missing, run wado-consumer migrate' },
  1227: { code: 'misconfigured', detail: 'access_denied' },
};

/** The meaning of an error of the connection to the MySQL port. */
export function classifySessionError(error: unknown): DorisFailure {
  if (!(error instanceof Error)) return { code: 'unknown', detail: 'not_an_error' };
  const errno = 'errno' in error && typeof error.errno === 'number' && error.errno > 0 ? error.errno : undefined;
  if (errno !== undefined) {
    const known = ERRNOS[errno] ?? knownMessage(error.message);
    return known ?? { code: 'unavailable', detail: `errno_${errno}` };
  }
  const code = systemCode(error);
  return { code: 'unavailable', detail: tlsFailure(error, code) ?? code ?? error.name };
}

function knownMessage(message: string): DorisFailure | undefined {
  return MESSAGES.find(([pattern]) => pattern.test(message))?.[1];
}
