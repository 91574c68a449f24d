import { SinkError } from '../errors.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { CliError, EXIT } from './cli-error.ts';

/** What to do about a failure of the brokers, by its code; the first match wins. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/there is no topic/, 'create the topic, or name another one with --topic'],
  [/access denied to topic/, 'grant WRITE and DESCRIBE on the topic to the user of --config'],
  [/^sasl_failed|AUTHENTICATION/, 'check user name and password in the input of --config'],
  [/AUTHORIZATION/, 'grant the missing permission to the user of --config'],
  [/^(?:client_)?certificate|^tls_failed|SSL/, 'check tls in the input of --config'],
  [/unresolved|RESOLVE/, 'check the host names of --brokers, and the advertised listeners of the brokers'],
  [/MSG_SIZE_TOO_LARGE/, 'raise max.message.bytes of the topic'],
  [/^no acknowledgement|NOT_ENOUGH_REPLICAS/, 'check that the brokers have enough in-sync replicas'],
  [/TRANSPORT|BROKERS_DOWN|TIMED_OUT|unreachable/, 'check that a broker listens there (--brokers, KAFKA_BROKERS)'],
];

/** Ends `publish` with what was tried, on which brokers, why it failed and what to do. `published`: records before it. */
export function publishFailure(error: unknown, topic: string, brokers: readonly string[], published: number): CliError {
  const code = error instanceof SinkError ? error.detail : errorCode(error);
  const remedy = REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
  const done = published === 0 ? 'nothing was published' : `${published} records were published before`;
  const parts = [`publishing to topic ${topic} at ${brokers.join(', ')} failed (${code})`, done];
  return new CliError(EXIT.broke, [...parts, ...(remedy === undefined ? [] : [remedy])].join('; '), { cause: error });
}
