import { describe, expect, it } from 'vitest';
import { describeInputProblem } from '../../src/ops/input-problems.ts';

describe('the log message for a problem of the input', () => {
  it.each([
    ['sasl_failed', 'Kafka refuses the login'],
    ['certificate_refused', 'the certificate of a broker is not accepted'],
    ['client_certificate_refused', 'a broker refuses the client certificate'],
    ['tls_failed', 'the TLS handshake with a broker failed'],
    ['secret_unreadable', 'a secret file cannot be read'],
    ['host_unresolved:kafka:9092', "kafka:9092 doesn't resolve"],
    ['ERR_UNKNOWN_TOPIC_OR_PART:storage_queue', 'there is no topic storage_queue'],
    ['ERR_GROUP_AUTHORIZATION_FAILED', 'access denied to consumer group readers'],
  ])('names the cause of %s', (problem, message) => {
    expect(describeInputProblem(problem, 'readers')).toBe(message);
  });

  it.each([
    ['ERR__TRANSPORT', 'Kafka is not reachable'],
    ['ERR_NOT_LEADER_FOR_PARTITION', 'Kafka answers with an error'],
  ])('claims no cause that %s does not have', (problem, message) => {
    expect(describeInputProblem(problem, 'readers')).toBe(message);
  });
});
