import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { classifyPostgresError, isTooLarge, sqlStateMeans } from '../../../src/databases/postgres/errors.ts';

const CANARY = 'CANARY^PATIENT';

function fromServer(code: string): Error {
  const error = new pg.DatabaseError(`Key (patient_id)=(${CANARY}) already exists.`, 0, 'error');
  return Object.assign(error, { code, severity: 'ERROR', detail: CANARY });
}

describe('what a SQLSTATE means', () => {
  it.each([
    ['08000', 'unavailable', 'connection exception'],
    ['08006', 'unavailable', 'connection failure'],
    ['08P01', 'unavailable', 'protocol violation, also what poolers say when they are in trouble'],
    ['28P01', 'unavailable', 'wrong password'],
    ['28000', 'unavailable', 'no entry in pg_hba.conf'],
    ['25006', 'unavailable', 'read-only'],
    ['53100', 'unavailable', 'disk full'],
    ['53200', 'unavailable', 'out of memory'],
    ['53300', 'unavailable', 'too many connections'],
    ['57P01', 'unavailable', 'shutdown'],
    ['57P02', 'unavailable', 'crash'],
    ['57P03', 'unavailable', 'starting up'],
    ['57P05', 'unavailable', 'idle session timeout'],
    ['58030', 'unavailable', 'I/O error'],
    ['57014', 'timeout', 'statement timeout'],
    ['25P04', 'timeout', 'transaction timeout'],
    ['40001', 'conflict', 'serialization failure'],
    ['40P01', 'conflict', 'deadlock'],
    ['55P03', 'conflict', 'lock not available'],
    ['21000', 'rejected', 'one key twice in a statement'],
    ['22001', 'rejected', 'text too long'],
    ['22003', 'rejected', 'number out of range'],
    ['22008', 'rejected', 'no such date'],
    ['22021', 'rejected', 'NUL in text'],
    ['22P02', 'rejected', 'not a number'],
    ['22P05', 'rejected', 'a character that the encoding lacks'],
    ['23502', 'rejected', 'null in a column that forbids it'],
    ['23505', 'rejected', 'unique index of someone else'],
    ['23514', 'rejected', 'check constraint'],
    ['54000', 'rejected', 'too large for an index'],
    ['42P01', 'misconfigured', 'no such table'],
    ['42703', 'misconfigured', 'no such column'],
    ['42501', 'misconfigured', 'no right to it'],
    ['3D000', 'misconfigured', 'no such database'],
    ['26000', 'unavailable', 'a pooler has changed the server connection'],
    ['42P05', 'unavailable', 'the same'],
    ['XX000', 'unknown', 'internal error'],
    ['P0001', 'rejected', 'a trigger refuses the row'],
    ['ZZ999', 'unknown', 'an unknown class'],
  ])('%s is %s: %s', (sqlState, code) => {
    expect(sqlStateMeans(sqlState)).toBe(code);
    expect(classifyPostgresError(fromServer(sqlState))).toEqual({ code, detail: sqlState });
  });
});

describe('classifyPostgresError', () => {
  it('distinguishes a row refused by row-level security from a missing privilege, in any language of the server', () => {
    const denied = (routine: string) => classifyPostgresError(Object.assign(fromServer('42501'), { routine }));
    expect(denied('ExecWithCheckOptions').code).toBe('rejected');
    expect(denied('aclcheck_error').code).toBe('misconfigured');
  });

  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('treats %s as a server that is not reachable', (code) => {
    const error = Object.assign(new Error(CANARY), { code });
    expect(classifyPostgresError(error)).toEqual({ code: 'unavailable', detail: code });
  });

  it("recognises the driver's own errors, which have no code", () => {
    const means = (message: string) => classifyPostgresError(new Error(message));
    expect(means('Connection terminated unexpectedly')).toEqual({
      code: 'unavailable',
      detail: 'connection_terminated',
    });
    expect(means('The server does not support SSL connections')).toEqual({
      code: 'unavailable',
      detail: 'tls_not_supported',
    });
    expect(means('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')).toEqual({
      code: 'unavailable',
      detail: 'sasl_failed',
    });
  });

  it('unwraps wrapped errors', () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    expect(classifyPostgresError(new AggregateError([refused, refused])).detail).toBe('ECONNREFUSED');
    expect(classifyPostgresError(new Error('Failed query', { cause: fromServer('42501') })).detail).toBe('42501');
  });

  it('classifies every other error as unknown, with its name and without its text', () => {
    expect(classifyPostgresError(new TypeError(CANARY))).toEqual({ code: 'unknown', detail: 'TypeError' });
    expect(classifyPostgresError(Object.assign(new Error(CANARY), { code: CANARY }))).toEqual({
      code: 'unknown',
      detail: 'Error',
    });
    expect(classifyPostgresError(CANARY)).toEqual({ code: 'unknown', detail: 'not_an_error' });
  });

  it('does not mistake a system error for a SQLSTATE of the same form', () => {
    expect(classifyPostgresError(Object.assign(new Error(), { code: 'EPIPE' })).code).toBe('unavailable');
    expect(classifyPostgresError(Object.assign(new Error(), { code: '22001' })).code).toBe('unknown');
  });
});

describe('isTooLarge', () => {
  it('is true for answers to a large statement and for a lost connection, and not for other outages and bad rows', () => {
    expect(
      ['ECONNRESET', 'EPIPE', 'connection_terminated', '08P01', '53200'].filter((detail) => !isTooLarge(detail)),
    ).toEqual([]);
    expect(['57P01', '53300', '53100', 'ECONNREFUSED', '54000', '22001'].filter(isTooLarge)).toEqual([]);
  });
});
