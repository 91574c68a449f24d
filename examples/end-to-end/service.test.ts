import { describe, expect } from 'vitest';
import { generateStudies } from 'wado-consumer/testing';
import { matchers, stackTest } from 'wado-consumer/testing/vitest';

expect.extend(matchers);

// Containers of Kafka and PostgreSQL where Docker answers, an embedded broker and database otherwise.
const it = stackTest();

describe('the service', () => {
  it('stores a study, keeps a bad record, and commits both', { timeout: 300_000 }, async ({ stack }) => {
    const studies = generateStudies({
      seed: 1,
      store: stack.store,
      tenantId: 'clinic',
      origin: 'TEST',
      poisonEvery: 1,
    });
    const study = studies.next().value;
    const bad = study.records.find(({ expected }) => expected === 'not_json');
    await stack.publish(study);
    await stack.untilCommitted();

    await expect(stack).toHaveStudy(study);
    await expect(bad?.key ?? '').toBeDeadLettered(stack, 'not_json');
    await expect(stack).toBeCommittedTo(study.records.length);
  });

  it('loses nothing when the database is killed', { timeout: 300_000 }, async ({ stack }) => {
    const studies = generateStudies({ seed: 2, store: stack.store, tenantId: 'clinic', origin: 'TEST' });
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
