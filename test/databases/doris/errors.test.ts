import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  classifyHttpStatus,
  classifyLoadMessage,
  classifySessionError,
  isTooLarge,
  MESSAGES,
} from '../../../src/databases/doris/errors.ts';

const docs = readFileSync('docs/dispositions.md', 'utf8').split('## Apache Doris')[1]?.split('\n## ')[0] ?? '';

describe('errors of Doris', () => {
  it.each([
    [
      '[INTERNAL_ERROR]tablet error: [E-235]failed to init rowset builder. version count: 2001',
      'unavailable',
      'too_many_versions',
    ],
    ['tablet writer write failed, tablet_id=1, txn_id=2, err=-235, host: 10.0.0.1', 'unavailable', 'too_many_versions'],
    [
      '[DATA_QUALITY_ERROR]The size of this batch exceed the max size [104857600] of json type data data [104857620]',
      'unavailable',
      'load_too_large',
    ],
    ['body exceed max size: 104857600, data: 104857620', 'unavailable', 'load_too_large'],
    ['[E-238]Too many segments in rowset', 'unavailable', 'too_many_segments'],
    ['[MEM_LIMIT_EXCEEDED]Memory limit exceeded: consuming', 'unavailable', 'memory'],
    [
      'errCode = 2, detailMessage = current running txns on db 10006 is 100, larger than limit 100',
      'unavailable',
      'too_many_transactions',
    ],
    ['No backend load available, policy: load=true', 'unavailable', 'no_backend'],
    ['alive replica num 1 < load required replica num 2, quorum not met', 'unavailable', 'no_quorum'],
    [
      'Access denied; you need (at least one of) the LOAD privilege(s) for this operation',
      'misconfigured',
      'access_denied',
    ],
    ["Access denied for user 'wado'@'10.0.0.1' (using password: YES)", 'unavailable', 'login_refused'],
    ["errCode = 2, detailMessage = Unknown table 'dicom_state_meta'", 'misconfigured', 'table:missing'],
    ['unknown table, tableName=dicom_state_meta', 'misconfigured', 'table:missing'],
    ["errCode = 2, detailMessage = Unknown column 'source_order'", 'misconfigured', 'column:missing'],
    ['[INTERNAL_ERROR]compress data of JSON format is not supported.', 'misconfigured', 'gzip:not_supported'],
    ['There is no 100-continue header', 'misconfigured', 'expect:removed'],
    ["Can't append new rows in partial update when strict_mode is true", 'misconfigured', 'version:too_old'],
    ['[INTERNAL_ERROR]cancelled: Timeout', 'timeout', 'server_timeout'],
    ['something that no version of Doris has said yet', 'unavailable', 'load_failed'],
  ])('%s', (message, code, detail) => {
    const found = classifyLoadMessage(message);
    expect(found.code).toBe(code);
    expect(found.detail.split(',')[0]).toBe(detail);
  });

  it('take the codes of the MySQL port where it has its own, and the text of 1105', () => {
    const error = (errno: number, text: string) => Object.assign(new Error(text), { errno });
    expect(classifySessionError(error(1045, 'Access denied'))).toEqual({
      code: 'unavailable',
      detail: 'login_refused',
    });
    expect(classifySessionError(error(1105, "Unknown table 'x'")).code).toBe('misconfigured');
    expect(classifySessionError(error(1105, 'something else'))).toEqual({ code: 'unavailable', detail: 'errno_1105' });
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', errno: -111 });
    expect(classifySessionError(refused)).toEqual({ code: 'unavailable', detail: 'ECONNREFUSED' });
  });

  it('take an HTTP status for a login, a privilege, or a server that is not there', () => {
    expect([401, 403, 404, 502].map((status) => classifyHttpStatus(status).detail)).toEqual([
      'login_refused',
      'access_denied',
      'http_404',
      'http_502',
    ]);
    expect(classifyHttpStatus(403).code).toBe('misconfigured');
  });

  it('are listed in docs/dispositions.md, each with its disposition', () => {
    for (const [, { code, detail }] of MESSAGES) {
      const name = detail.split(',')[0] ?? '';
      if (name === 'syntax') continue;
      const row = docs.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
      expect(row, name).toContain(`\`${code}\``);
    }
  });
});

describe('isTooLarge', () => {
  it('is true for answers to a large statement and for a lost connection, and not for other outages and bad rows', () => {
    expect(
      ['ECONNRESET', 'EPIPE', 'answer_cut', 'http_413', 'load_too_large', 'memory'].filter(
        (detail) => !isTooLarge(detail),
      ),
    ).toEqual([]);
    expect(['http_502', 'no_backend', 'ECONNREFUSED', 'client_deadline'].filter(isTooLarge)).toEqual([]);
  });
});
