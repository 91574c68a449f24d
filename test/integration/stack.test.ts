import { describe, expect, it } from 'vitest';
import { databaseDriver } from '../../src/databases/registry.ts';
import { generateStudies, type Stack, startStack } from '../../src/testing/index.ts';
import { matchers } from '../../src/testing/vitest/index.ts';
import { describeWith } from './support/services.ts';

expect.extend(matchers);

function twoStudies(stack: Stack) {
  const studies = generateStudies({ seed: 1, store: stack.store, tenantId: 't', origin: 'TEST' });
  return [studies.next().value, studies.next().value] as const;
}

for (const driver of ['postgres', 'mysql'] as const) {
  const { title } = databaseDriver(driver).description;
  await describeWith(['kafka', driver], `a stack on a given Kafka and ${title}`, (services) => {
    const start = () =>
      startStack({ broker: { brokers: services.kafka.brokers }, database: { dsn: services[driver].dsn } });

    it('loses nothing when the connections to both are taken, and keeps its ports', async () => {
      await using stack = await start();
      const { brokers, dsn } = stack;
      const [first, second] = twoStudies(stack);
      await stack.publish(first);
      await stack.kill('broker');
      await stack.kill('database');
      await stack.publish(second);
      await stack.restart('database');
      await stack.restart('broker');
      await stack.untilCommitted(60_000);
      await expect(stack).toHaveStudy(first);
      await expect(stack).toHaveStudy(second);
      expect([stack.brokers, stack.dsn]).toEqual([brokers, dsn]);
    });

    it('commits nothing while the broker is silent, because the service has no way past its proxy', async () => {
      await using stack = await start();
      const [study] = twoStudies(stack);
      await stack.pause('broker');
      await stack.publish(study);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await expect(stack).toBeCommittedTo(0);
      await stack.resume('broker');
      await stack.untilCommitted(60_000);
      await expect(stack).toBeCommittedTo(study.records.length);
    });

    it('shares its servers with another stack', async () => {
      await using one = await start();
      await using other = await start();
      const [study] = twoStudies(one);
      await one.publish(study);
      await one.untilCommitted();
      await other.untilCommitted();
      await expect(one).toHaveStudy(study);
      await expect(other).not.toHaveStudy(study);
    });
  });
}

describe('a stack without its servers', () => {
  it('says which broker does not answer', async () => {
    const started = startStack({ broker: { brokers: '127.0.0.1:1' }, database: 'pglite' });
    await expect(started).rejects.toThrow('no broker answers at 127.0.0.1:1 within 10000 ms');
  });
});
