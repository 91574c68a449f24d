/**
 * Every error that the service raises. Each has a literal `name`, a `code` from a closed union and typed context.
 * No message or context field carries a value read from a record, a file or a row: only names, codes and places.
 */

/** One problem of the configuration: what is wrong and where. Lines and columns count from 1. */
export interface ConfigIssue {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** The configuration is invalid. The message lists all issues as `file(line,col) message`, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'invalid_config';
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(formatConfigIssue).join('\n'));
    this.issues = issues;
  }
}

/** Redpanda Connect's lint format, so that editors and scripts that support it can jump to the line. */
export function formatConfigIssue(issue: ConfigIssue): string {
  return `${issue.file}(${issue.line},${issue.column}) ${issue.message}`;
}

/** Why a record's value isn't a DicomStoreMeta. */
export type ParseErrorCode =
  | 'null_value'
  | 'not_utf8'
  | 'too_many_values'
  | 'not_json'
  | 'not_an_object'
  | 'invalid_field';

/**
 * An input record that isn't a DicomStoreMeta (docs/contract.md, "Input record"). `fields` names the fields at fault, never their values.
 */
export class ParseError extends Error {
  override readonly name = 'ParseError';
  readonly code: ParseErrorCode;
  readonly fields: readonly string[];

  constructor(code: ParseErrorCode, message: string, fields: readonly string[] = []) {
    super(message);
    this.code = code;
    this.fields = fields;
  }
}

/** The codes of docs/contract.md, "Header rules", followed by those of files and storage. */
export type DicomReadErrorCode =
  | 'missing_required'
  | 'empty_required'
  | 'too_long'
  | 'invalid_date'
  | 'conflicting'
  | 'not_dicom'
  | 'no_transfer_syntax'
  | 'truncated'
  | 'bad_meta'
  | 'bad_sequence'
  | 'bad_deflate'
  | 'too_deep'
  | 'too_many_elements'
  | 'header_too_large'
  // The file itself.
  | 'outside_storage_roots'
  | 'not_a_regular_file'
  | 'file_missing'
  | 'file_unreadable'
  // The storage, which is slow or failing.
  | 'read_timeout'
  | 'read_failed';

/**
 * A DICOM file whose header can't be read by docs/contract.md, "Header rules". `attribute` names the attribute at fault (`PATIENT_ID`) where
 * there is one. The message is `code` or `code:ATTRIBUTE` and never contains a value or a path.
 */
export class DicomReadError extends Error {
  override readonly name = 'DicomReadError';
  readonly code: DicomReadErrorCode;
  readonly attribute: string | undefined;

  constructor(code: DicomReadErrorCode, attribute?: string, options?: ErrorOptions) {
    super(attribute === undefined ? code : `${code}:${attribute}`, options);
    this.code = code;
    this.attribute = attribute;
  }
}

/**
 * The meaning of a failed call, derived from the driver's code: `unavailable` (unreachable, overloaded, read-only,
 * full, login refused), `timeout` (no answer within the deadline), `conflict` (deadlock, serialization failure, lock
 * wait), `rejected` (this data can never be stored), `misconfigured` (table or column missing, permission denied),
 * `unknown` (an unclassified code).
 */
export type SinkErrorCode = 'unavailable' | 'timeout' | 'conflict' | 'rejected' | 'misconfigured' | 'unknown';

/** Context of a SinkError. */
export interface SinkErrorOptions extends ErrorOptions {
  /** The failed operation. Default: `write`. */
  readonly operation?: SinkOperation;
  /** The server that was tried, `host:port`, if the sink knows it. */
  readonly address?: string;
}

/** What the sink was doing. */
export type SinkOperation = 'connect' | 'write' | 'migrate';

/**
 * A sink could not connect or store a batch. `detail` is the driver's bare code (`40P01`, `ER_LOCK_DEADLOCK`,
 * `_MSG_TIMED_OUT`), never its message.
 */
export class SinkError extends Error {
  override readonly name = 'SinkError';
  readonly code: SinkErrorCode;
  readonly sink: string;
  readonly detail: string;
  readonly operation: SinkOperation;
  readonly address: string | undefined;

  constructor(sink: string, code: SinkErrorCode, detail: string, options: SinkErrorOptions = {}) {
    const { operation = 'write', address, ...rest } = options;
    super(`${sink}: ${code} (${address === undefined ? detail : `${detail} ${address}`})`, rest);
    this.sink = sink;
    this.code = code;
    this.detail = detail;
    this.operation = operation;
    this.address = address;
  }
}

/**
 * The meaning of a failure of the source: `unavailable` (no broker, no coordinator, evicted), `misconfigured`, `fenced`
 * (another process has the same `instance_id`), `no_committed_offset` (`start_offset: committed`, and the group has no
 * offset), `unknown`.
 */
export type SourceErrorCode = 'unavailable' | 'misconfigured' | 'fenced' | 'no_committed_offset' | 'unknown';

/** The source can't consume or commit. `detail` is the client's bare code. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly code: SourceErrorCode;
  readonly detail: string;

  constructor(code: SourceErrorCode, detail: string, options?: ErrorOptions) {
    super(`source: ${code} (${detail})`, options);
    this.code = code;
    this.detail = detail;
  }
}

/**
 * The code of a failed system call or of another error of Node's (`ENOENT`, `ERR_INVALID_ARG_VALUE`); undefined for any
 * other error.
 */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
