/** Runs one test of a configuration. Steps and texts of failures are those of `redpanda-connect test`. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestCase, TestInput } from '../config/test-cases.ts';
import { failedConditions } from './conditions.ts';
import type { InputMessage, TestMessage } from './message.ts';

/** Passes a batch through the processors. Rejects with an error whose message can be printed. */
export type ProcessMessages = (batch: readonly InputMessage[]) => Promise<readonly TestMessage[]>;

/** The failures of a test, none if it has passed. Paths of files are relative to `folder`; rejects when an input file can't be read. */
export async function runCase(test: TestCase, folder: string, process: ProcessMessages): Promise<readonly string[]> {
  const failures: string[] = [];
  const batches: (readonly TestMessage[])[] = [];
  for (const inputs of test.inputs) {
    const batch = inputs.map((input) => messageOf(input, folder));
    try {
      const output = await process(batch);
      if (output.length > 0) batches.push(output);
    } catch (error) {
      failures.push(`processors resulted in error: ${error instanceof Error ? error.message : 'unknown error'}`);
    }
  }
  return [...failures, ...compare(batches, test, folder)];
}

function messageOf({ content, file, metadata }: TestInput, folder: string): InputMessage {
  return { content: file === undefined ? Buffer.from(content) : readFileSync(path.join(folder, file)), metadata };
}

function* compare(batches: readonly (readonly TestMessage[])[], { outputs }: TestCase, folder: string) {
  if (batches.length < outputs.length) yield `wrong batch count, expected ${outputs.length}, got ${batches.length}`;
  for (const [at, batch] of batches.entries()) {
    const expected = outputs[at];
    if (expected === undefined) {
      yield `unexpected batch: [${batch.map(textOf).join(' ')}]`;
      continue;
    }
    if (expected.length !== batch.length)
      yield `mismatch of output batch ${at} message counts, expected ${expected.length}, got ${batch.length}`;
    for (const [index, message] of batch.entries()) {
      const conditions = expected[index];
      if (conditions === undefined) yield `unexpected message from batch ${at}: ${textOf(message)}`;
      else
        for (const failure of failedConditions(message, conditions, folder))
          yield `batch ${at} message ${index}: ${failure}`;
    }
  }
}

const textOf = ({ content }: TestMessage) => content.toString();
