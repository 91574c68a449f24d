/**
 * The meaning of MySQL's, MariaDB's and the driver's errors for a write (docs/dispositions.md). Errors are named by the server's number,
 * or by the class of their SQLSTATE where no number is listed. Any other error is `unknown` and fails the topology.
 */
import { type SinkErrorCode, systemCode } from '../../errors.ts';
import { isConnectionLost, isNetworkCode, tlsFailure } from '../network-errors.ts';

/** The meaning of an error and its bare code: the server's number, Node's error code, or one of ours. Never a message. */
export interface MysqlFailure {
  readonly code: SinkErrorCode;
  readonly detail: string;
}

/** What the numbers mean. The comments have MySQL's names without `ER_`. */
const NUMBERS: Readonly<Record<number, SinkErrorCode>> = {
  1020: 'conflict', // CHECKREAD: the row has changed since the snapshot (MariaDB)
  1021: 'unavailable', // DISK_FULL
  1026: 'unavailable', // ERROR_ON_WRITE
  1030: 'unavailable', // GET_ERRNO: the storage engine's error, such as a full disk
  1036: 'unavailable', // OPEN_AS_READONLY
  1037: 'unavailable', // OUTOFMEMORY
  1038: 'unavailable', // OUT_OF_SORTMEMORY
  1040: 'unavailable', // CON_COUNT_ERROR: too many connections
  1041: 'unavailable', // OUT_OF_RESOURCES
  1044: 'misconfigured', // DBACCESS_DENIED_ERROR: no privilege for the database
  1045: 'unavailable', // ACCESS_DENIED_ERROR: credentials are rotated
  1047: 'unavailable', // UNKNOWN_COM_ERROR: a Galera node that isn't ready
  1048: 'rejected', // BAD_NULL_ERROR
  1049: 'misconfigured', // BAD_DB_ERROR: no such database
  1053: 'unavailable', // SERVER_SHUTDOWN
  1054: 'misconfigured', // BAD_FIELD_ERROR: no such column
  1062: 'rejected', // DUP_ENTRY: in another unique index
  1114: 'unavailable', // RECORD_FILE_FULL: the table is full, the disk is
  1129: 'unavailable', // HOST_IS_BLOCKED: after too many failed connections
  1130: 'unavailable', // HOST_NOT_PRIVILEGED
  1135: 'unavailable', // CANT_CREATE_THREAD
  1142: 'misconfigured', // TABLEACCESS_DENIED_ERROR
  1143: 'misconfigured', // COLUMNACCESS_DENIED_ERROR
  1146: 'misconfigured', // NO_SUCH_TABLE
  1153: 'rejected', // NET_PACKET_TOO_LARGE
  1180: 'unavailable', // ERROR_DURING_COMMIT
  1197: 'rejected', // TRANS_CACHE_FULL: the transaction exceeds max_binlog_cache_size
  1203: 'unavailable', // TOO_MANY_USER_CONNECTIONS
  1205: 'conflict', // LOCK_WAIT_TIMEOUT
  1206: 'unavailable', // LOCK_TABLE_FULL
  1213: 'conflict', // LOCK_DEADLOCK
  1226: 'unavailable', // USER_LIMIT_REACHED
  1227: 'misconfigured', // SPECIFIC_ACCESS_DENIED_ERROR
  1264: 'rejected', // WARN_DATA_OUT_OF_RANGE
  1265: 'rejected', // WARN_DATA_TRUNCATED
  1290: 'unavailable', // OPTION_PREVENTS_STATEMENT: read_only, a replica
  1292: 'rejected', // TRUNCATED_WRONG_VALUE: no such date or number
  1300: 'rejected', // INVALID_CHARACTER_STRING
  1317: 'timeout', // QUERY_INTERRUPTED: ended at its deadline, or killed by an administrator
  1364: 'rejected', // NO_DEFAULT_FOR_FIELD
  1366: 'rejected', // TRUNCATED_WRONG_VALUE_FOR_FIELD
  1367: 'rejected', // ILLEGAL_VALUE_FOR_TYPE
  1369: 'rejected', // VIEW_CHECK_FAILED
  1406: 'rejected', // DATA_TOO_LONG
  1411: 'rejected', // WRONG_VALUE_FOR_TYPE
  1412: 'conflict', // TABLE_DEF_CHANGED
  1451: 'rejected', // ROW_IS_REFERENCED_2
  1452: 'rejected', // NO_REFERENCED_ROW_2: foreign key
  1526: 'rejected', // NO_PARTITION_FOR_GIVEN_VALUE
  1598: 'unavailable', // BINLOG_LOGGING_IMPOSSIBLE
  1615: 'conflict', // NEED_REPREPARE
  1637: 'unavailable', // TOO_MANY_CONCURRENT_TRXS
  1644: 'rejected', // SIGNAL_EXCEPTION: a trigger refuses the row
  1665: 'misconfigured', // BINLOG_STMT_MODE_AND_ROW_ENGINE: binlog_format is STATEMENT
  1690: 'rejected', // DATA_OUT_OF_RANGE
  1698: 'unavailable', // ACCESS_DENIED_NO_PASSWORD_ERROR
  1785: 'misconfigured', // GTID_UNSAFE_NON_TRANSACTIONAL_TABLE
  1792: 'unavailable', // CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
  1820: 'unavailable', // MUST_CHANGE_PASSWORD
  1836: 'unavailable', // READ_ONLY_MODE
  1862: 'unavailable', // MUST_CHANGE_PASSWORD_LOGIN
  1881: 'unavailable', // INNODB_FORCED_RECOVERY
  1927: 'unavailable', // CONNECTION_KILLED (MariaDB)
  1969: 'timeout', // STATEMENT_TIMEOUT (MariaDB)
  3024: 'timeout', // QUERY_TIMEOUT
  3100: 'unavailable', // RUN_HOOK_ERROR: group replication
  3101: 'conflict', // TRANSACTION_ROLLBACK_DURING_COMMIT: group replication
  3118: 'unavailable', // ACCOUNT_HAS_BEEN_LOCKED
  3159: 'misconfigured', // SECURE_TRANSPORT_REQUIRED
  3169: 'unavailable', // SESSION_WAS_KILLED
  3572: 'conflict', // LOCK_NOWAIT
  3819: 'rejected', // CHECK_CONSTRAINT_VIOLATED
  4025: 'rejected', // CONSTRAINT_FAILED (MariaDB)
  4031: 'unavailable', // CLIENT_INTERACTION_TIMEOUT
};

/** The meaning of the first two characters of a SQLSTATE, for numbers that are not listed. */
const CLASSES: Readonly<Record<string, SinkErrorCode>> = {
  '08': 'unavailable', // connection exception
  '22': 'rejected', // data exception
  '23': 'rejected', // integrity constraint violation
  '28': 'unavailable', // invalid authorization
  '40': 'conflict', // transaction rollback
  '42': 'misconfigured', // syntax error or access rule violation
  '70': 'timeout', // interrupted
};

// Errors of the value itself. Other refusals, such as a null, a trigger's or a missing partition, may concern every row.
const ABOUT_VALUE: ReadonlySet<string> = new Set([
  '1062',
  '1153',
  '1197',
  '1264',
  '1265',
  '1292',
  '1300',
  '1366',
  '1367',
  '1406',
  '1411',
  '1690',
]);

// Answers to a statement or transaction that is too large; where they have other causes, too, a smaller one does no harm. 1180 and 3100 are
// those of Galera and of group replication. `max_allowed_packet` is ours.
const TOO_LARGE: ReadonlySet<string> = new Set(['1037', '1038', '1153', '1180', '1197', '3100', 'max_allowed_packet']);

/** The driver's own errors. */
const DRIVER_CODES: Readonly<Record<string, MysqlFailure>> = {
  PROTOCOL_CONNECTION_LOST: { code: 'unavailable', detail: 'connection_terminated' },
  AUTH_SWITCH_PLUGIN_ERROR: { code: 'unavailable', detail: 'login_failed' },
};

const CLOSED = "Can't add new command when connection is in closed state";

/** The meaning of an error thrown by the driver. An unclassified error is `unknown`. */
export function classifyMysqlError(error: unknown): MysqlFailure {
  if (!(error instanceof Error)) return { code: 'unknown', detail: 'not_an_error' };
  const number = serverNumber(error);
  if (number !== undefined) return { code: numberMeans(number, sqlStateOf(error)), detail: String(number) };
  const code = systemCode(error);
  if (code !== undefined && isNetworkCode(code)) return { code: 'unavailable', detail: code };
  const tls = tlsFailure(error, code);
  if (tls !== undefined) return { code: 'unavailable', detail: tls };
  const known = code === undefined ? undefined : DRIVER_CODES[code];
  if (known !== undefined) return known;
  if (error.message === CLOSED) return { code: 'unavailable', detail: 'connection_terminated' };
  // Drizzle and AggregateError (every address of a name failed) wrap the driver's error.
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  if (inner !== undefined) return classifyMysqlError(inner);
  return { code: 'unknown', detail: code !== undefined && /^[A-Z0-9_]{1,64}$/.test(code) ? code : error.name };
}

/** The meaning of an error number of the server, or of its SQLSTATE where the number is not listed. */
export function numberMeans(number: number, sqlState = ''): SinkErrorCode {
  return NUMBERS[number] ?? CLASSES[sqlState.slice(0, 2)] ?? 'unknown';
}

/** Whether an error of this number is about the value itself, not about a rule of the table. */
export function isAboutValue(detail: string): boolean {
  return ABOUT_VALUE.has(detail);
}

/** Whether an error of this code may be due to the size of the statement. */
export function isTooLarge(detail: string): boolean {
  return TOO_LARGE.has(detail) || isConnectionLost(detail);
}

/** Where the server located an error: the row within its statement, from 1, and the column. Both undefined if it doesn't say. */
export function locateError(error: unknown): { readonly row: number | undefined; readonly column: string | undefined } {
  const text = error instanceof Error && serverNumber(error) !== undefined ? error.message : '';
  const row = / at row (\d+)$/.exec(text)?.[1];
  // The last quoted name: the text before it may quote a value. MariaDB writes `database`.`table`.`column`.
  const column = /(?:column|Column|Field) (?:`[^`]*`\.`[^`]*`\.)?['`](\w+)['`][^'`]*$/.exec(text)?.[1];
  return { row: row === undefined ? undefined : Number(row), column };
}

// Only the server's errors have a positive number; those of system calls are negative.
function serverNumber(error: Error): number | undefined {
  return 'errno' in error && typeof error.errno === 'number' && error.errno > 0 ? error.errno : undefined;
}

function sqlStateOf(error: Error): string {
  return 'sqlState' in error && typeof error.sqlState === 'string' ? error.sqlState : '';
}
