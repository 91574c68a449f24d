import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { describeWith } from '../integration/support/services.ts';
import { connect, startConnect } from './connect-process.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/connect/pipeline.yaml');
const RECORDS = 1_000;

if (connect === undefined) {
  it.skip('the example: scripts/connect/build.sh has built no Redpanda Connect', () => undefined);
} else {
  await describeWith(['kafka', 'postgres'], 'a pipeline of one’s own with the plugins', ({ kafka, postgres }) => {
    it('stores, publishes and dead-letters what docs/connect.md says, beside mappings of Connect', async () => {
      await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
      const load = await pipeline.publish({ count: RECORDS, poisonEvery: 100 });
      const deadLetters = join(pipeline.folder, 'dead-letters.jsonl');
      const running = startConnect(pipeline, { DEAD_LETTER_FILE: deadLetters, FILE_WAIT: '1s' }, EXAMPLE);
      await pipeline.untilCommitted(100_000);
      const good = load.flatMap(({ expected }) => (expected === undefined ? [] : [expected]));
      const { objects, images } = await pipeline.endState();
      expect(objects).toEqual(new Set(good.map(({ traceId }) => traceId)));
      expect(images).toEqual(new Set(good.map(({ instance }) => instance)));
      const published: unknown[] = [];
      for await (const { value } of readTopic({ 'bootstrap.servers': kafka.brokers }, pipeline.topics.image))
        published.push(JSON.parse(String(value)));
      expect(published).toHaveLength(good.length);
      expect(published).toContainEqual({ sop_uid: good[0]?.instance, pixels: 512 * 512 });
      expect(readFileSync(deadLetters, 'utf8').trim().split('\n')).toHaveLength(load.length - good.length);
      expect(await running.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    });
  });
}
