import { describe, expect, it } from 'vitest';
import { generateStudies, startStack } from '../../src/testing/index.ts';
import { containers } from '../../src/testing/stack/containers.ts';
import { matchers } from '../../src/testing/vitest/index.ts';

expect.extend(matchers);

const { WADO_TEST_KAFKA_IMAGE: kafka, WADO_TEST_POSTGRES_IMAGE: postgres } = process.env;
const images = { ...(kafka === undefined ? {} : { kafka }), ...(postgres === undefined ? {} : { postgres }) };
const engine = await containers();

describe('a stack in containers', () => {
  it('loses nothing when broker and database are killed, which come back at the same ports', async (context) => {
    if (typeof engine === 'string') return context.skip(engine);
    await using stack = await startStack({ broker: 'kafka', database: 'postgres', images });
    expect(stack.how.broker).toMatch(/^container /);
    const { brokers, dsn } = stack;
    const studies = generateStudies({ seed: 1, store: stack.store, tenantId: 't', origin: 'TEST' });
    const [first, second] = [studies.next().value, studies.next().value];
    await stack.publish(first);
    await stack.kill('broker');
    await stack.kill('database');
    await stack.restart('broker');
    await stack.restart('database');
    await stack.publish(second);
    await stack.untilCommitted(60_000);
    await expect(stack).toHaveStudy(first);
    await expect(stack).toHaveStudy(second);
    expect([stack.brokers, stack.dsn]).toEqual([brokers, dsn]);
    // Frozen with its connections open: the same processes continue.
    const [third] = [studies.next().value];
    await stack.pause('database');
    await stack.publish(third);
    await stack.resume('database');
    await stack.untilCommitted(60_000);
    await expect(stack).toHaveStudy(third);
  });
});
