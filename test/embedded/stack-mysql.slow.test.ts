import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateStudies, type Stack, StackError, startStack } from '../../src/testing/index.ts';
import { matchers } from '../../src/testing/vitest/index.ts';

expect.extend(matchers);

describe('a stack on the MySQL or MariaDB of this machine', () => {
  let stack: Stack | undefined;
  let why = '';
  beforeAll(async () => {
    try {
      stack = await startStack({ broker: 'embedded', database: 'mysql' });
    } catch (error) {
      // Without an installed server, a container is tried, whose image may not be available.
      if (!(error instanceof Error) || (!(error instanceof StackError) && !/image|registry/.test(error.message)))
        throw error;
      why = error.message;
    }
  });
  afterAll(async () => stack?.[Symbol.asyncDispose]());

  it('loses nothing when the server is killed', async (context) => {
    if (stack === undefined) return context.skip(why);
    const studies = generateStudies({ seed: 1, store: stack.store, tenantId: 't', origin: 'TEST' });
    const [first, second] = [studies.next().value, studies.next().value];
    await stack.publish(first);
    await stack.kill('database');
    await stack.publish(second);
    await stack.restart('database');
    await stack.untilCommitted(60_000);
    await expect(stack).toHaveStudy(first);
    await expect(stack).toHaveStudy(second);
  });
});
