import type { TestInput } from '../config/test-cases.ts';

/** A record before the processors. */
export interface InputMessage {
  readonly content: Buffer;
  readonly metadata: TestInput['metadata'];
}

/** A record after the processors. */
export interface TestMessage {
  readonly content: Buffer;
  readonly metadata: Readonly<Record<string, unknown>>;
}
