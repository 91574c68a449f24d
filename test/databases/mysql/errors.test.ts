import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  classifyMysqlError,
  isAboutValue,
  isTooLarge,
  locateError,
  numberMeans,
} from '../../../src/databases/mysql/errors.ts';

const CANARY = 'CANARY^PATIENT';
const ROOT = new URL('../../../', import.meta.url);

/** An error as the driver makes it from the server's answer. */
const fromServer = (errno: number, sqlState: string, message = CANARY) =>
  Object.assign(new Error(message), { errno, sqlState, sqlMessage: message, code: 'ER_SOMETHING' });

describe('what an error number means', () => {
  it.each([
    [1045, '28000', 'unavailable'],
    [1040, '08004', 'unavailable'],
    [1053, '08S01', 'unavailable'],
    [1290, 'HY000', 'unavailable'],
    [1021, 'HY000', 'unavailable'],
    [1114, 'HY000', 'unavailable'],
    [1205, 'HY000', 'conflict'],
    [1213, '40001', 'conflict'],
    [1317, '70100', 'timeout'],
    [1406, '22001', 'rejected'],
    [1264, '22003', 'rejected'],
    [1292, '22007', 'rejected'],
    [1366, 'HY000', 'rejected'],
    [1048, '23000', 'rejected'],
    [1049, '42000', 'misconfigured'],
    [1146, '42S02', 'misconfigured'],
    [1054, '42S22', 'misconfigured'],
    [1142, '42000', 'misconfigured'],
    [9999, 'HY000', 'unknown'],
    [9999, '08S01', 'unavailable'],
    [9999, '42000', 'misconfigured'],
  ])('%s with SQLSTATE %s is %s', (errno, sqlState, code) => {
    expect(classifyMysqlError(fromServer(errno, sqlState))).toEqual({ code, detail: String(errno) });
  });

  it('is what docs/dispositions.md says, for every number', () => {
    const [, section = ''] = readFileSync(new URL('docs/dispositions.md', ROOT), 'utf8').split(
      '\n## MySQL and MariaDB\n',
    );
    const documented = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| (\d{4}) \|.*\| `(\w+)` \|$/gm)];
    const source = readFileSync(new URL('src/databases/mysql/errors.ts', ROOT), 'utf8');
    const known = [...source.matchAll(/^ {2}(\d{4}): '/gm)].map(([, number]) => number);
    expect(documented.map(([, number]) => number)).toEqual(known);
    for (const [, number, code] of documented)
      expect(`${number} ${numberMeans(Number(number))}`).toBe(`${number} ${code}`);
  });
});

describe('classifyMysqlError', () => {
  it.each([
    [Object.assign(new Error(CANARY), { code: 'ECONNREFUSED', errno: -111 }), 'unavailable', 'ECONNREFUSED'],
    [Object.assign(new Error(CANARY), { code: 'PROTOCOL_CONNECTION_LOST' }), 'unavailable', 'connection_terminated'],
    [Object.assign(new Error(CANARY), { code: 'HANDSHAKE_NO_SSL_SUPPORT' }), 'unavailable', 'tls_not_supported'],
    [
      Object.assign(new Error('certificate has expired'), { code: 'HANDSHAKE_SSL_ERROR' }),
      'unavailable',
      'CERT_HAS_EXPIRED',
    ],
    [Object.assign(new Error(CANARY), { code: 'HANDSHAKE_SSL_ERROR' }), 'unavailable', 'tls_failed'],
    [new Error("Can't add new command when connection is in closed state"), 'unavailable', 'connection_terminated'],
    [new AggregateError([Object.assign(new Error(CANARY), { code: 'EHOSTUNREACH' })]), 'unavailable', 'EHOSTUNREACH'],
    [new Error('Failed query', { cause: fromServer(1213, '40001') }), 'conflict', '1213'],
    [new TypeError(CANARY), 'unknown', 'TypeError'],
    [CANARY, 'unknown', 'not_an_error'],
  ])('repeats no message: %#', (error, code, detail) => {
    expect(classifyMysqlError(error)).toEqual({ code, detail });
  });

  it('distinguishes a value that can not be stored from a rule that may refuse every row', () => {
    expect(['1406', '1264', '1292', '1366'].every(isAboutValue)).toBe(true);
    expect(['1048', '1452', '1644', '3819', '4025', '1364'].some(isAboutValue)).toBe(false);
  });
});

describe('locateError', () => {
  it.each([
    ["Data too long for column 'patient_name' at row 7", 7, 'patient_name'],
    ["Incorrect date value: '2026-02-30' for column 'study_date' at row 2", 2, 'study_date'],
    ["Incorrect date value: 'x' for column `dicom`.`dicom_state_meta`.`study_date` at row 12", 12, 'study_date'],
    ["Column 'study_uid_hash' cannot be null", undefined, 'study_uid_hash'],
    ["Field 'ward' doesn't have a default value", undefined, undefined],
    ["Incorrect integer value: 'for column 'a' at row 9' for column 'width' at row 3", 3, 'width'],
    ['Deadlock found when trying to get lock', undefined, undefined],
  ])('reads row and column from: %s', (message, row, column) => {
    expect(locateError(fromServer(1406, '22001', message))).toEqual({ row, column });
  });

  it('reads nothing from an error that is not of the server', () => {
    expect(locateError(new Error("for column 'a' at row 9"))).toEqual({ row: undefined, column: undefined });
  });
});

describe('isTooLarge', () => {
  it('is true for answers to a large statement and for a lost connection, and not for other outages and bad rows', () => {
    expect(
      ['ECONNRESET', 'EPIPE', 'connection_terminated', '1153', '1180', '1197', '3100', 'max_allowed_packet'].filter(
        (detail) => !isTooLarge(detail),
      ),
    ).toEqual([]);
    expect(['1053', '1927', 'ECONNREFUSED', '1406', '1213', '1317'].filter(isTooLarge)).toEqual([]);
  });
});
