/** Calls a processor without Redpanda Connect. */
import type { BatchProcessor, NewMessage } from '../connect-plugin/index.ts';
import { readBatch, writeBatch } from '../connect-plugin/message.ts';
import { Reader, Writer } from '../connect-plugin/value.ts';

/** A record that has come out of a processor. */
export interface ProcessedMessage {
  readonly content: Buffer;
  readonly metadata: NonNullable<NewMessage['metadata']>;
}

/** Passes a batch through the processor in the same encoding as Redpanda Connect. Rejects with the processor's error. */
export async function callProcessor(
  processor: BatchProcessor,
  batch: readonly NewMessage[],
): Promise<readonly ProcessedMessage[]> {
  const output = await processor.processBatch(recoded(batch), { signal: new AbortController().signal });
  return recoded(output).map(({ bytes, metadata }) => ({ content: bytes, metadata }));
}

function recoded(batch: readonly NewMessage[]) {
  const bytes = writeBatch(batch, Writer.create()).finish();
  return readBatch(Reader.create(bytes), bytes.length);
}
