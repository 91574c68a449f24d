import { SinkError } from '../errors.ts';
import type { PoisonRecord } from './records.ts';

/**
 * The dead-letter topic refused some records of a batch; the others are written. The code is `unavailable`, because the refused ones are
 * retried until an operator changes the topic. The message names the topic, a size and settings, never a value.
 */
export class RefusedDeadLetters extends SinkError {
  readonly poison: readonly PoisonRecord[];
  /** Whether the topic accepts no dead letter at all: it doesn't exist, or access to it is denied. */
  readonly acceptsNone: boolean;

  /** `unwritable`: why the topic accepts no dead letter at all. */
  constructor(sink: string, topic: string, poison: readonly PoisonRecord[], code: string, unwritable?: string) {
    super(sink, 'unavailable', unwritable ?? `${code}: ${explanation(topic, poison, code)}`);
    this.poison = poison;
    this.acceptsNone = unwritable !== undefined;
  }
}

function explanation(topic: string, poison: readonly PoisonRecord[], code: string): string {
  const bytes = Math.max(...poison.map(({ source }) => (source.key?.length ?? 0) + (source.value?.length ?? 0)));
  return code === 'ERR_MSG_SIZE_TOO_LARGE'
    ? `topic ${topic} refuses a dead letter of ${bytes} bytes and its headers: raise max.message.bytes of the topic ` +
        '(max_message_bytes of the outputs does not limit dead letters)'
    : `topic ${topic} refuses a dead letter: check the settings of the topic, such as cleanup.policy`;
}

/** The output topics refused the output of some consumed records, which must be dead-lettered. Nothing was committed. */
export class RefusedOutputs extends SinkError {
  readonly poison: readonly PoisonRecord[];

  constructor(sink: string, poison: readonly PoisonRecord[]) {
    super(sink, 'rejected', poison[0]?.error.message ?? 'unknown');
    this.poison = poison;
  }
}
