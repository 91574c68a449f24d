import { SinkError, SourceError } from '../errors.ts';
import { errorName } from '../kafka/client/client.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { CliError, EXIT } from './cli-error.ts';

/** What to do about a failure, by its code; the first match wins. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^sasl_failed|AUTHENTICATION/, 'check user name and password in sasl'],
  [/AUTHORIZATION/, 'grant the missing permission to the user of the configuration'],
  [/^(?:client_)?certificate|^tls_failed|SSL/, 'check tls in the configuration'],
  [/unresolved|RESOLVE/, 'check the host names in seed_brokers, and the advertised listeners of the brokers'],
  [/TRANSPORT|BROKERS_DOWN|TIMED_OUT/, 'check that a broker listens there (seed_brokers, KAFKA_BROKERS)'],
];

/**
 * Runs what a verb does with a cluster. A failure ends the verb with the action, the brokers' addresses, the client's code and what to do.
 * `action` continues the sentence "… at HOST:PORT failed".
 */
export async function withKafka<T>(action: string, brokers: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = detailOf(error);
    const remedy = REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
    const failure = `${action} at ${brokers.join(', ')} failed (${code})`;
    throw new CliError(EXIT.broke, remedy === undefined ? failure : `${failure}; ${remedy}`, { cause: error });
  }
}

function detailOf(error: unknown): string {
  if (error instanceof SourceError || error instanceof SinkError) return error.detail;
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? errorName(error)
    : errorCode(error);
}
