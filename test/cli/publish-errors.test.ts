import { describe, expect, it } from 'vitest';
import { publishFailure } from '../../src/cli/publish-errors.ts';
import { SinkError } from '../../src/errors.ts';

const failureOf = (detail: string, published = 0) =>
  publishFailure(
    new SinkError('publish', 'unavailable', detail),
    'storage_queue',
    ['kafka-1:9092', 'kafka-2:9092'],
    published,
  );

describe('a failure of publish', () => {
  it('names the topic, the brokers, the code, what was published and what to do', () => {
    const { exitCode, message } = failureOf('ERR_UNKNOWN_TOPIC_OR_PART: there is no topic storage_queue', 500);
    expect(exitCode).toBe(3);
    expect(message).toBe(
      'publishing to topic storage_queue at kafka-1:9092, kafka-2:9092 failed (ERR_UNKNOWN_TOPIC_OR_PART: ' +
        'there is no topic storage_queue); 500 records were published before; ' +
        'create the topic, or name another one with --topic',
    );
  });

  it.each([
    ['ERR_TOPIC_AUTHORIZATION_FAILED: access denied to topic storage_queue', 'grant WRITE and DESCRIBE on the topic'],
    ['ERR_CLUSTER_AUTHORIZATION_FAILED', 'grant the missing permission'],
    ['sasl_failed', 'check user name and password'],
    ['client_certificate_refused', 'check tls'],
    ['advertised_host_unresolved:kafka-0.internal:9092', 'check the host names'],
    ['ERR__TRANSPORT', 'check that a broker listens there'],
    ['no acknowledgement', 'in-sync replicas'],
  ])('with %s says: %s', (detail, remedy) => {
    expect(failureOf(detail).message).toContain(`(${detail}); nothing was published; `);
    expect(failureOf(detail).message).toContain(remedy);
  });

  it('without a known remedy gives the code alone', () => {
    expect(failureOf('ERR__BAD_COMPRESSION').message).toMatch(/\(ERR__BAD_COMPRESSION\); nothing was published$/);
  });
});
