/**
 * The meaning of PostgreSQL's and the driver's errors for a write (docs/dispositions.md). All classes of PostgreSQL's Appendix A,
 * "PostgreSQL Error Codes", are listed. Any other code is `unknown` and fails the topology.
 */
import { type SinkErrorCode, systemCode } from '../../errors.ts';
import { isConnectionLost, isNetworkCode } from '../network-errors.ts';

/** The meaning of an error and its bare code: a SQLSTATE, Node's error code, or one of ours. Never a message. */
export interface PostgresFailure {
  readonly code: SinkErrorCode;
  readonly detail: string;
}

/** SQLSTATEs whose meaning differs from the rest of their class. */
const SQLSTATES: Readonly<Record<string, SinkErrorCode>> = {
  '25006': 'unavailable', // read_only_sql_transaction: a standby, or a primary that was demoted
  '25P03': 'unavailable', // idle_in_transaction_session_timeout: the server closed the connection
  '25P04': 'timeout', // transaction_timeout
  '42P05': 'unavailable', // duplicate_prepared_statement: see class 26
  '55006': 'conflict', // object_in_use
  '55P03': 'conflict', // lock_not_available
  '57014': 'timeout', // query_canceled: statement_timeout, or a user cancelled it
};

/** The meaning of the first two characters of a SQLSTATE. */
const CLASSES: Readonly<Record<string, SinkErrorCode>> = {
  '00': 'unknown', // successful completion
  '01': 'unknown', // warning
  '02': 'unknown', // no data
  '03': 'unknown', // SQL statement not yet complete
  '08': 'unavailable', // connection exception; poolers report their own errors as 08P01
  '09': 'unknown', // triggered action exception
  '0A': 'misconfigured', // feature not supported: an older server, or a table of a kind that can't be upserted
  '0B': 'unknown', // invalid transaction initiation
  '0F': 'unknown', // locator exception
  '0L': 'misconfigured', // invalid grantor
  '0P': 'misconfigured', // invalid role specification
  '0Z': 'unknown', // diagnostics exception
  '10': 'unknown', // XQuery error
  '20': 'unknown', // case not found
  '21': 'rejected', // cardinality violation: two rows of one key in a statement; each alone is fine
  '22': 'rejected', // data exception
  '23': 'rejected', // integrity constraint violation; for 23505 see repeatsPrimaryKey
  '24': 'unknown', // invalid cursor state
  '25': 'unknown', // invalid transaction state
  '26': 'unavailable', // invalid SQL statement name: a pooler changed the server connection; the writer prepares the statement again
  '27': 'unknown', // triggered data change violation
  '28': 'unavailable', // invalid authorization: credentials expire and are rotated
  '2B': 'unknown', // dependent privilege descriptors still exist
  '2D': 'unknown', // invalid transaction termination
  '2F': 'unknown', // SQL routine exception
  '34': 'unknown', // invalid cursor name
  '38': 'unknown', // external routine exception
  '39': 'unknown', // external routine invocation exception
  '3B': 'unknown', // savepoint exception
  '3D': 'misconfigured', // invalid catalog name: no such database
  '3F': 'misconfigured', // invalid schema name
  '40': 'conflict', // transaction rollback: deadlock, serialization failure
  '42': 'misconfigured', // syntax error or access rule violation: no such table or column, no privilege
  '44': 'rejected', // WITH CHECK OPTION violation
  '53': 'unavailable', // insufficient resources: disk full, out of memory, too many connections
  '54': 'rejected', // program limit exceeded: a value too large for an index entry
  '55': 'unknown', // object not in prerequisite state
  '57': 'unavailable', // operator intervention: shutdown, crash, starting up
  '58': 'unavailable', // system error: I/O
  '72': 'unknown', // snapshot failure
  F0: 'unknown', // configuration file error
  HV: 'unknown', // foreign data wrapper error
  P0: 'rejected', // PL/pgSQL error: a trigger refuses the row (P0001)
  XX: 'unknown', // internal error, data or index corrupted
};

/** The driver's own errors have no code. They are recognised by their constant texts. */
const DRIVER_MESSAGES: Readonly<Record<string, PostgresFailure>> = {
  'Connection terminated': { code: 'unavailable', detail: 'connection_terminated' },
  'Connection terminated unexpectedly': { code: 'unavailable', detail: 'connection_terminated' },
  'Client has encountered a connection error and is not queryable': {
    code: 'unavailable',
    detail: 'connection_terminated',
  },
  'Client was closed and is not queryable': { code: 'unavailable', detail: 'connection_terminated' },
  'timeout expired': { code: 'unavailable', detail: 'connect_timeout' },
  'Query read timeout': { code: 'timeout', detail: 'client_deadline' },
  'The server does not support SSL connections': { code: 'unavailable', detail: 'tls_not_supported' },
  'There was an error establishing an SSL connection': { code: 'unavailable', detail: 'tls_failed' },
};

const SASL_MESSAGE = 'SASL: ';

/** The meaning of an error thrown by the driver. An unclassified error is `unknown`. */
export function classifyPostgresError(error: unknown): PostgresFailure {
  if (!(error instanceof Error)) return { code: 'unknown', detail: 'not_an_error' };
  const code = systemCode(error);
  if (code !== undefined && isFromServer(error)) {
    return { code: isRowSecurity(error, code) ? 'rejected' : sqlStateMeans(code), detail: code };
  }
  if (code !== undefined && isNetworkCode(code)) return { code: 'unavailable', detail: code };
  const known = DRIVER_MESSAGES[error.message];
  if (known !== undefined) return known;
  // No password was given, or the server failed its part of the authentication.
  if (error.message.startsWith(SASL_MESSAGE)) return { code: 'unavailable', detail: 'sasl_failed' };
  // Drizzle and AggregateError (every address of a name failed) wrap the driver's error.
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  if (inner !== undefined) return classifyPostgresError(inner);
  return { code: 'unknown', detail: code !== undefined && /^[A-Z0-9_]{1,64}$/.test(code) ? code : error.name };
}

/** The meaning of a SQLSTATE: five characters, the first two its class. */
export function sqlStateMeans(sqlState: string): SinkErrorCode {
  return SQLSTATES[sqlState] ?? CLASSES[sqlState.slice(0, 2)] ?? 'unknown';
}

/**
 * Whether an error of this code may be due to the size of the statement: 08P01 is a pooler's answer to a packet that it can't forward, 53200
 * means out of memory.
 */
export function isTooLarge(detail: string): boolean {
  return detail === '08P01' || detail === '53200' || isConnectionLost(detail);
}

// Row-level security has the SQLSTATE of a missing privilege. The message is localised, the routine's name is not (execMain.c).
function isRowSecurity(error: Error, sqlState: string): boolean {
  return sqlState === '42501' && 'routine' in error && error.routine === 'ExecWithCheckOptions';
}

// `EPIPE` looks like a SQLSTATE. Only errors of the server have a severity.
function isFromServer(error: Error): boolean {
  return 'severity' in error && typeof error.severity === 'string';
}
