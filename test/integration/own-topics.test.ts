import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { publishedAt, repetitions, timesPublished } from '../support/times-published.ts';
import { describeWith } from './support/services.ts';

const RECORDS = 4_000;
const SECONDS = 1_000;
const COMMAND = [process.execPath, fileURLToPath(new URL('../fixtures/own-topic-service.mjs', import.meta.url))];

await describeWith(['kafka', 'postgres'], 'a topic of one’s own in the transaction', ({ kafka, postgres }) => {
  it('shows a reader of committed records each record once, through three kill -9, as the topics of the service do', {
    timeout: 200 * SECONDS,
  }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const own = `${pipeline.name}.own`;
    const admin = createAdmin({ 'bootstrap.servers': kafka.brokers });
    await admin.createTopics([own], 6);
    try {
      const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1, poisonEvery: 500 });
      const start = (log = pipeline.log) => pipeline.start({ OWN_TOPIC: own }, [], { command: COMMAND, log });
      for (const share of [0.9, 0.6, 0.3]) {
        const service = start();
        await pipeline.untilLag((lag) => lag < RECORDS * share, 60 * SECONDS);
        await service.signal('SIGKILL');
      }
      const log = `${pipeline.log}.last`;
      const last = start(log);
      // There may be nothing left for it to do, and before it has started nobody listens to SIGTERM.
      await expect.poll(() => pipeline.hasStarted(log), { timeout: 90 * SECONDS }).toBe(true);
      await pipeline.untilCommitted(90 * SECONDS);
      expect(await last.signal('SIGTERM')).toEqual({ code: 0, signal: null });

      const expected = expectedState(load);
      expect(differences(await pipeline.endState(), expected)).toEqual([]);
      expect(await repetitions(pipeline)).toEqual([]);
      const times = await timesPublished(pipeline, own);
      expect(times.size).toBe(expected.images.size);
      expect([...times].filter(([, n]) => n !== 1)).toEqual([]);
      expect([...times.keys()].sort()).toEqual(
        [...(await timesPublished(pipeline, pipeline.topics.image)).keys()].sort(),
      );

      // The timestamps are those of the input, which was published before any service ran.
      const inputTimes = new Set<number>();
      for await (const { timestamp } of readTopic({ 'bootstrap.servers': kafka.brokers }, pipeline.topics.input))
        inputTimes.add(timestamp);
      const ownTimes = [...(await publishedAt(pipeline, own)).values()].flat();
      expect(ownTimes.filter((timestamp) => !inputTimes.has(timestamp))).toEqual([]);
    } finally {
      await admin.deleteTopics([own]);
      admin.close();
    }
  });
});
