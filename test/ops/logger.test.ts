import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DicomReadError, ParseError, SinkError } from '../../src/errors.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { errorCode, serializeError } from '../../src/ops/serialize-error.ts';

const CANARY = 'CANARY^PATIENT';

function capture() {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return {
    destination,
    text: () => lines.join(''),
    records: () =>
      lines
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
}

/** What node-postgres throws: its message and own fields quote the row. */
function driverError(): Error {
  return Object.assign(new Error(`duplicate key value: Key (patient_name)=(${CANARY})\n    at ${CANARY} (row:1:1)`), {
    code: '23505',
    detail: `Key (patient_name)=(${CANARY}) already exists.`,
    where: `COPY dicom_state_meta, line 1: "${CANARY}"`,
    query: `insert into dicom_state_meta values ('${CANARY}')`,
  });
}

describe('the log', () => {
  it('has one JSON object per line, with ISO time, level name and the static fields', () => {
    const out = capture();
    createLogger({ destination: out.destination, staticFields: { '@service': 'wado-consumer' } }).warn('disk is slow');
    const [line] = out.records();
    expect(line).toMatchObject({ level: 'warn', '@service': 'wado-consumer', msg: 'disk is slow' });
    expect(new Date(line.time).toISOString()).toBe(line.time);
    expect(line).not.toHaveProperty('pid');
  });

  it('has no lines below its level, and none when silent', () => {
    const out = capture();
    createLogger({ destination: out.destination, level: 'warn' }).info('quiet');
    createLogger({ destination: out.destination, level: 'silent' }).fatal('quieter');
    expect(out.text()).toBe('');
  });

  it.each([
    ['under err', (error: Error) => ({ err: error })],
    ['under any other name', (error: Error) => ({ failure: error })],
    ['deep inside', (error: Error) => ({ sinks: { postgres: [{ last: error }] } })],
    ['in an array', (error: Error) => ({ errors: [error, error] })],
    [
      'as the cause of ours',
      (error: Error) => ({ err: new SinkError('postgres', 'rejected', '23505', { cause: error }) }),
    ],
    [
      'within an AggregateError',
      (error: Error) => ({ err: new AggregateError([error], `two sinks failed: ${error.message}`, { cause: error }) }),
    ],
    ['in a syntax error of JSON.parse', () => ({ err: syntaxError() })],
  ])('never shows what a driver says of a row: an error %s', (_place, fields) => {
    const out = capture();
    const logger = createLogger({ destination: out.destination, level: 'trace' });
    logger.error(fields(driverError()), 'write failed');
    logger.child(fields(driverError())).error('write failed');
    expect(out.text()).not.toContain('CANARY');
    expect(out.records()).toHaveLength(2);
    expect(out.records()[0].msg).toBe('write failed');
  });

  it('never uses the message of an error, even when types are bypassed', () => {
    const out = capture();
    const logger = createLogger({ destination: out.destination });
    Reflect.apply(logger.error, logger, [driverError()]);
    Reflect.apply(logger.error, logger, [{ err: driverError() }]);
    Reflect.apply(logger.error, logger, ['%s', CANARY]);
    expect(out.text()).not.toContain('CANARY');
    expect(out.records().map((line) => line.msg)).toEqual(['error', 'error', '%s']);
  });

  it('has no bytes and no class instances', () => {
    const out = capture();
    const logger = createLogger({ destination: out.destination });
    logger.info({ value: Buffer.from('CANARY'), row: new Map([['CANARY', 1]]), count: 1n }, 'odd fields');
    expect(out.records()[0]).toMatchObject({ value: '[object]', row: '[object]', count: '1' });
  });

  it('keeps names, codes, own context, frames and causes', () => {
    const out = capture();
    const error = new SinkError('postgres', 'unavailable', '57P01', { cause: driverError() });
    createLogger({ destination: out.destination }).error({ err: error }, 'write failed');
    const [{ err }] = out.records();
    expect(err).toMatchObject({
      name: 'SinkError',
      code: 'unavailable',
      context: { sink: 'postgres', detail: '57P01' },
      cause: { name: 'Error', code: '23505' },
    });
    expect(err.stack).toContain('logger.test.ts');
    expect(err.stack).not.toContain('unavailable');
  });
});

describe('serializeError', () => {
  it('keeps the context of each of our errors and drops its message', () => {
    expect(serializeError(new ParseError('invalid_field', CANARY, ['study_date']))).toMatchObject({
      name: 'ParseError',
      code: 'invalid_field',
      context: { fields: ['study_date'] },
    });
    expect(serializeError(new DicomReadError('missing_required', 'PATIENT_ID'))).toMatchObject({
      code: 'missing_required',
      context: { attribute: 'PATIENT_ID' },
    });
  });

  it('drops names, codes and thrown values of any other form', () => {
    const odd = Object.assign(new Error('x'), { name: `${CANARY}!`, code: `${CANARY} 1970` });
    expect(JSON.stringify(serializeError(odd))).not.toContain('CANARY');
    expect(serializeError(CANARY)).toEqual({ name: 'NonError', context: { type: 'string' } });
    expect(errorCode(odd)).toBe('Error');
  });

  it('terminates on a cyclic chain of causes', () => {
    const error = new Error('x');
    error.cause = error;
    expect(JSON.stringify(serializeError(error)).length).toBeLessThan(20_000);
  });
});

function syntaxError(): Error {
  try {
    JSON.parse(CANARY);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('JSON.parse accepted it');
}
