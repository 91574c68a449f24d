import type { Config } from '../../config/config.ts';
import { type DeadLetter, readDeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { createAdmin } from '../../kafka/admin/admin.ts';
import { type ReadTopicOptions, readTopic } from '../../kafka/admin/read-topic.ts';
import { connectionSettings } from '../../kafka/client/settings.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { withKafka } from '../kafka-errors.ts';

export const FILTER = 'only dead letters whose code or message contains this text, such as not_json';

/** Passes the dead letters of a span to `work`. Throws a CliError when the topic does not exist or Kafka fails. */
export async function withDeadLetters<T>(
  config: Config,
  span: ReadTopicOptions,
  work: (letters: AsyncIterable<DeadLetter>) => Promise<T>,
): Promise<T> {
  return await withDeadLetterTopic(config, () => work(read()));

  async function* read() {
    const { producer, deadLetter } = config.topics;
    for await (const record of readTopic(connectionSettings(producer), deadLetter.topic, span))
      yield readDeadLetter(record);
  }
}

/** Runs `work` when the dead-letter topic exists. Throws a CliError otherwise, or when Kafka fails. */
export async function withDeadLetterTopic<T>({ topics }: Config, work: () => Promise<T>): Promise<T> {
  const { producer, deadLetter } = topics;
  return await withKafka(`reading topic ${deadLetter.topic}`, producer.seedBrokers, async () => {
    const admin = createAdmin(connectionSettings(producer));
    try {
      if ((await admin.partitions(deadLetter.topic)).length === 0) {
        throw new CliError(
          EXIT.failures,
          `there is no topic ${deadLetter.topic} (${deadLetter.path}): no record was dead-lettered yet, or the name is wrong`,
        );
      }
    } finally {
      admin.close();
    }
    return await work();
  });
}
