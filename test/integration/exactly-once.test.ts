import { expect, it } from 'vitest';
import { differences, expectedState, Pipeline } from '../support/pipeline.ts';
import { repetitions, timesPublished } from '../support/times-published.ts';
import { describeWith } from './support/services.ts';

const RECORDS = 5_000;
const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], 'run --exactly-once', ({ kafka, postgres }) => {
  const create = () => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });

  it('shows a reader of committed records each state, image and dead letter once, through five kill -9', {
    timeout: 200 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1, poisonEvery: 500 });
    for (const share of [0.9, 0.75, 0.6, 0.4, 0.2]) {
      const service = pipeline.start({}, ['--exactly-once']);
      await pipeline.untilLag((lag) => lag < RECORDS * share, 60 * SECONDS);
      await service.signal('SIGKILL');
    }
    const log = `${pipeline.log}.last`;
    const last = pipeline.start({}, ['--exactly-once'], { log });
    // There may be nothing left for it to do, and before it has started nobody listens to SIGTERM.
    await expect.poll(() => pipeline.hasStarted(log), { timeout: 90 * SECONDS }).toBe(true);
    await pipeline.untilCommitted(90 * SECONDS);
    expect(await last.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await repetitions(pipeline)).toEqual([]);
  });

  it('takes over at once what a killed process of the same name left open', { timeout: 100 * SECONDS }, async () => {
    await using pipeline = await create();
    await pipeline.publish({ count: 2_000 });
    const first = pipeline.start({ INSTANCE_ID: 'one' }, ['--exactly-once']);
    await pipeline.untilLag((lag) => lag < 2_000, 60 * SECONDS);
    await first.signal('SIGKILL');
    pipeline.start({ INSTANCE_ID: 'one' }, ['--exactly-once']);
    await pipeline.untilCommitted(30 * SECONDS);
    const images = await timesPublished(pipeline, pipeline.topics.image, 'sop_uid');
    expect(images.size).toBe(2_000);
    expect(Math.max(...images.values())).toBe(1);
  });

  it('loses and doubles nothing while a second member joins and leaves', { timeout: 200 * SECONDS }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1 });
    pipeline.start({}, ['--exactly-once']);
    const second = pipeline.start({}, ['--exactly-once']);
    await pipeline.untilLag((lag) => lag < RECORDS * 0.6, 60 * SECONDS);
    expect((await second.signal('SIGTERM')).code).toBe(0);
    await pipeline.untilCommitted(90 * SECONDS);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await repetitions(pipeline)).toEqual([]);
  });
});
