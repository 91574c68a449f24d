import { onTestFailed, test } from 'vitest';
import type { StackOptions } from '../stack/options.ts';
import type { Stack } from '../stack/stack.ts';
import { startStack } from '../stack/start-stack.ts';

const LOG_LINES = 100;

/**
 * vitest's `test` with the fixture `stack`. The stack is started once per test file, by the first test that uses it; each further test gets
 * it reset, with new topics and empty tables. When a test fails, the end of the service's log goes to stderr. Give the first test a timeout
 * for the start: 120 seconds with containers.
 */
export function stackTest(options: StackOptions = {}) {
  const used = new WeakSet<Stack>();
  return test.extend<{ servers: Stack; stack: Stack }>({
    servers: [
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures that a fixture needs from this pattern
      async ({}, use) => {
        await using stack = await startStack(options);
        await use(stack);
      },
      { scope: 'file' },
    ],
    stack: async ({ servers }, use) => {
      if (used.has(servers)) await servers.reset();
      used.add(servers);
      onTestFailed(() => void process.stderr.write(`${servers.logTail(LOG_LINES)}\n`));
      await use(servers);
    },
  });
}
