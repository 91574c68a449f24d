import { onTestFailed, test } from 'vitest';
import type { StackOptions } from '../stack/options.ts';
import type { Stack } from '../stack/stack.ts';
import { startStack } from '../stack/start-stack.ts';

const LOG_LINES = 100;

/**
 * vitest's `test` with the fixture `stack`. The stack is started once per test file, by the first test that uses it; each further test gets
 * it reset, with new topics and empty tables. When a test fails, the end of the service's log goes to stderr with the test's name, unless its
 * error has the log. Give the first test a timeout for the start: 120 seconds with containers.
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
      onTestFailed(({ task }) => {
        // The message of a StackError has the log.
        if (task.result?.errors?.some(({ name }) => name === 'StackError')) return;
        process.stderr.write(`end of the service's log, test "${task.name}":\n${servers.logTail(LOG_LINES)}\n`);
      });
      await use(servers);
    },
  });
}
