import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { connect, disconnect, newConsumer, newProducer } from '../../src/kafka/client/client.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
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

  it('ends cleanly while it waits for offsets that are in an open transaction', {
    timeout: 100 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: 100 });
    const open = await openTransaction(pipeline);
    const first = pipeline.start({}, ['--exactly-once']);
    await open.groupHasMembers();
    // It is given partitions, and can't say where it begins with them.
    await sleep(SECONDS);
    expect(await first.signal('SIGTERM')).toEqual({ code: 0, signal: null });

    await open.abort();
    pipeline.start({}, ['--exactly-once']);
    await pipeline.untilCommitted(60 * SECONDS);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });

  it('says what is committed while a killed process has offsets in an open transaction', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    await pipeline.publish({ count: 10 });
    const service = pipeline.start();
    await pipeline.untilCommitted(60 * SECONDS);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    const open = await openTransaction(pipeline);
    try {
      expect(await pipeline.lag()).toBe(0);
    } finally {
      await open.abort();
    }
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

  it('loses and duplicates nothing while a second member joins and leaves', { timeout: 200 * SECONDS }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1 });
    pipeline.start({}, ['--exactly-once']);
    const log = `${pipeline.log}.second`;
    const second = pipeline.start({}, ['--exactly-once'], { log });
    await pipeline.untilLag((lag) => lag < RECORDS * 0.6, 60 * SECONDS);
    // Before it has started, nobody listens to SIGTERM.
    await expect.poll(() => pipeline.hasStarted(log), { timeout: 60 * SECONDS }).toBe(true);
    expect((await second.signal('SIGTERM')).code).toBe(0);
    await pipeline.untilCommitted(90 * SECONDS);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await repetitions(pipeline)).toEqual([]);
  });
});

/** A transaction that holds offsets of the pipeline's group and is not ended, as one of a process that was killed. */
async function openTransaction({ brokers, group, topics }: Pipeline) {
  const connection = { 'bootstrap.servers': brokers };
  const outsider = newConsumer({ ...connection, 'group.id': group });
  const producer = newProducer({ ...connection, 'transactional.id': `${group}-left` });
  const admin = createAdmin(connection);
  const call = (start: (done: (error: unknown) => void) => void) =>
    new Promise<void>((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
  await Promise.all([connect(outsider, 10 * SECONDS), connect(producer, 10 * SECONDS)]);
  await call((done) => producer.initTransactions(10 * SECONDS, done));
  await call((done) => producer.beginTransaction(done));
  const offsets = (await admin.partitions(topics.input)).map((partition) => ({
    topic: topics.input,
    partition,
    offset: 1,
  }));
  await call((done) => producer.sendOffsetsToTransaction(offsets, outsider, 10 * SECONDS, done));
  return {
    groupHasMembers: () => expect.poll(() => admin.isActive(group), { timeout: 60 * SECONDS }).toBe(true),
    async abort() {
      await call((done) => producer.abortTransaction(10 * SECONDS, done));
      await Promise.all([disconnect(outsider, 5 * SECONDS), disconnect(producer, 5 * SECONDS)]);
      admin.close();
    },
  };
}
