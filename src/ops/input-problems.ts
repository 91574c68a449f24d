/**
 * The log message for a problem of the input: a code, optionally followed by a colon and a topic or an address
 * (src/kafka/consumer/readiness.ts).
 */
export function describeInputProblem(problem: string, group: string): string {
  const colon = problem.indexOf(':');
  const code = colon < 0 ? problem : problem.slice(0, colon);
  const place = colon < 0 ? '' : problem.slice(colon + 1);
  switch (code) {
    case 'ERR_UNKNOWN_TOPIC_OR_PART':
      return place === '' ? 'a topic does not exist' : `there is no topic ${place}`;
    case 'ERR_TOPIC_AUTHORIZATION_FAILED':
      return place === '' ? 'access denied to a topic' : `access denied to topic ${place}`;
    case 'ERR_GROUP_AUTHORIZATION_FAILED':
      return `access denied to consumer group ${group}`;
    case 'ERR_COORDINATOR_NOT_AVAILABLE':
    case 'ERR_GROUP_COORDINATOR_NOT_AVAILABLE':
      return `consumer group ${group} has no coordinator`;
    case 'sasl_failed':
      return 'Kafka refuses the login';
    case 'certificate_refused':
      return 'the certificate of a broker is not accepted';
    case 'client_certificate_refused':
      return 'a broker refuses the client certificate';
    case 'tls_failed':
      return 'the TLS handshake with a broker failed';
    case 'secret_unreadable':
      return 'a secret file cannot be read';
    case 'host_unresolved':
      return `${place} doesn't resolve`;
    case 'advertised_host_unresolved':
      return `a broker advertised ${place}, which doesn't resolve`;
    case 'advertised_host_unreachable':
      return `a broker advertised ${place}, which doesn't accept connections`;
    case 'partition_stalled':
      return `${place} is not read although it has records`;
    case 'joining_group':
      return `consumer group ${group} has not assigned partitions yet`;
    default:
      // librdkafka's own errors begin with ERR__, those that a broker answers with ERR_.
      return /^ERR_[A-Z]/.test(code) ? 'Kafka answers with an error' : 'Kafka is not reachable';
  }
}
