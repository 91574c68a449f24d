import { deadLetter, type OriginHeaders } from '../dead-letters/format.ts';
import { SinkError } from '../errors.ts';
import type { Producer } from '../kafka/producer/producer.ts';
import type { Sink } from '../ports.ts';

export interface DeadLetterSinkOptions {
  readonly name: string;
  readonly topic: string;
  readonly producer: Producer;
  readonly originHeaders: OriginHeaders;
}

/** Writes the records that can never be processed to the dead-letter topic. */
export function createDeadLetterSink({ name, topic, producer, originHeaders }: DeadLetterSinkOptions): Sink {
  return {
    name,
    connect: () => producer.connect(),
    async write(batch) {
      try {
        await producer.send(batch.poison.map((record) => deadLetter(topic, record, originHeaders)));
      } catch (error) {
        // There is no other place for the record: it is retried until an operator changes the topic's limits.
        if (error instanceof SinkError && error.code === 'rejected')
          throw new SinkError(name, 'unavailable', error.detail);
        throw error;
      }
      return [];
    },
    close: async () => undefined,
  };
}
