import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ERRORS, type NativeProducer } from '../../src/kafka/client/client.ts';
import { watchDisconnectReasons } from '../../src/kafka/client/disconnect-reason.ts';
import { SilenceError, toSinkError } from '../../src/kafka/producer/produce-errors.ts';

const error = (code: number) => Object.assign(new Error('error'), { code });

/** A client that has logged these lines. */
function clientWith(fac: string, message: string): NativeProducer {
  const client = new EventEmitter();
  watchDisconnectReasons(client);
  client.emit('event.log', { fac, message });
  return client as unknown as NativeProducer;
}

describe('an error of the producer', () => {
  it('is reported by its cause, not as ERR__FATAL, when it is fatal', () => {
    const client = clientWith('FATAL', 'Fatal error: Broker: Producer attempted to produce with an old epoch: x');
    expect(toSinkError('t', error(ERRORS.ERR__FATAL), { client })).toMatchObject({
      code: 'unavailable',
      detail: 'ERR_INVALID_PRODUCER_EPOCH',
    });
  });

  it.each([ERRORS.ERR__PURGE_QUEUE, ERRORS.ERR__PURGE_INFLIGHT])(
    '%s is the error for which the record was dropped',
    (code) => {
      const cause = error(ERRORS.ERR_CLUSTER_AUTHORIZATION_FAILED);
      expect(toSinkError('t', error(code), { cause }).detail).toBe('ERR_CLUSTER_AUTHORIZATION_FAILED');
      expect(toSinkError('t', error(code)).detail).toMatch(/^ERR__PURGE/);
    },
  );

  it.each([
    ['Broker: Message size too large (MSG_SIZE_TOO_LARGE)', 'ERR_MSG_SIZE_TOO_LARGE'],
    ['1 message(s) timed out on a/b [0] (_TIMED_OUT, requires epoch bump)', 'ERR__TIMED_OUT'],
  ])('names the error that ended the transaction when all records were dropped: %s', (line, name) => {
    const client = clientWith('TXNERR', `[thrd:main]: Current transaction failed in state InTransaction: ${line}`);
    const dropped = error(ERRORS.ERR__PURGE_QUEUE);
    expect(toSinkError('t', dropped, { client })).toMatchObject({ code: 'unavailable', detail: name });
    expect(toSinkError('t', error(ERRORS.ERR__MSG_TIMED_OUT), { client }).detail).toBe('ERR__MSG_TIMED_OUT');
  });

  it('does not take the name from another line of the log', () => {
    const client = clientWith('TXNERR', '[thrd:main]: Unable to register partition (MSG_SIZE_TOO_LARGE)');
    expect(toSinkError('t', error(ERRORS.ERR__PURGE_QUEUE), { client }).detail).toBe('ERR__PURGE_QUEUE');
  });

  it('names the topic that is missing or denied', () => {
    const detailOf = (code: number) => toSinkError('t', error(code), { topic: 'images' }).detail;
    expect(detailOf(ERRORS.ERR__UNKNOWN_TOPIC)).toBe('ERR__UNKNOWN_TOPIC: there is no topic images');
    expect(detailOf(ERRORS.ERR__UNKNOWN_PARTITION)).toBe(
      'ERR__UNKNOWN_PARTITION: a partition no longer exists in topic images',
    );
    expect(detailOf(ERRORS.ERR_TOPIC_AUTHORIZATION_FAILED)).toBe(
      'ERR_TOPIC_AUTHORIZATION_FAILED: access denied to topic images',
    );
    expect(detailOf(ERRORS.ERR_NOT_ENOUGH_REPLICAS)).toBe('ERR_NOT_ENOUGH_REPLICAS');
  });

  it('has the reason of a silence if the client knows it', () => {
    expect(toSinkError('t', new SilenceError())).toMatchObject({ code: 'timeout', detail: 'no acknowledgement' });
    const client = clientWith('FAIL', 'sasl_ssl://kafka:9092/1: SASL authentication error: denied');
    expect(toSinkError('t', new SilenceError(), { client, cause: error(ERRORS.ERR__AUTHENTICATION) })).toMatchObject({
      code: 'unavailable',
      detail: 'sasl_failed',
    });
  });
});
