import { SinkError, SourceError } from '../errors.ts';
import { errorName } from '../kafka/client/client.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { CliError, EXIT } from './cli-error.ts';

/** Runs what a verb does with a cluster. A failure ends the verb with the brokers' addresses and the client's code. */
export async function withKafka<T>(brokers: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = detailOf(error);
    throw new CliError(EXIT.broke, `Kafka at ${brokers.join(', ')} failed: ${code}`, { cause: error });
  }
}

function detailOf(error: unknown): string {
  if (error instanceof SourceError || error instanceof SinkError) return error.detail;
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? errorName(error)
    : errorCode(error);
}
