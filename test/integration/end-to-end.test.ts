import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { describeWith } from './support/services.ts';

/** CI takes 20,000; WADO_TEST_RECORDS=100000 is the long form. */
const RECORDS = Number(process.env.WADO_TEST_RECORDS ?? 10_000);
const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], `the built service on ${RECORDS} records`, ({ kafka, postgres }) => {
  const create = () => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });

  it('stores and publishes every record once, dead-letters the poison, commits to the end', {
    timeout: 600 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS, poisonEvery: 500 });
    const service = pipeline.start();
    await pipeline.untilCommitted(400 * SECONDS);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await pipeline.lag()).toBe(0);
  });

  it('reaches the same end state after kill -9 in the middle', { timeout: 600 * SECONDS }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS, poisonEvery: 500 });
    const first = pipeline.start();
    await pipeline.untilLag((lag) => lag < RECORDS * 0.7, 100 * SECONDS);
    await first.signal('SIGKILL');
    expect(await pipeline.lag()).toBeGreaterThan(0);
    pipeline.start();
    await pipeline.untilCommitted(400 * SECONDS);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });

  it('ends with exit code 0 within ten seconds of SIGTERM, and the rest follows on restart', {
    timeout: 600 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS });
    const first = pipeline.start();
    await pipeline.untilLag((lag) => lag < RECORDS * 0.8, 100 * SECONDS);
    const begun = performance.now();
    expect(await first.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(10 * SECONDS);
    pipeline.start();
    await pipeline.untilCommitted(400 * SECONDS);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });
});
