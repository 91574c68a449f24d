import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Pipeline, type TopicCalls } from '../../src/testing/pipeline.ts';

/** No server is there: the pipeline gets its database and its topics from the test. */
function options(topics: Partial<TopicCalls>, drop: () => Promise<void>) {
  const dsn = 'postgres://u@127.0.0.1:1/d';
  return {
    brokers: '127.0.0.1:1',
    dsn,
    database: { dsn, drop },
    topics: { createTopics: async () => undefined, deleteTopics: async () => undefined, ...topics },
  };
}

describe('a pipeline', () => {
  it('whose topics can not be created removes them and its database, and rejects with the cause', async () => {
    const calls: string[] = [];
    const created = Pipeline.create(
      options(
        {
          createTopics: async () => {
            throw new Error('no broker answers');
          },
          deleteTopics: async (names) => void calls.push(`delete ${names.length} topics`),
        },
        async () => void calls.push('drop'),
      ),
    );
    await expect(created).rejects.toThrow('no broker answers');
    expect(calls).toEqual(['delete 4 topics', 'drop']);
  });

  it('removes its folder also when the database can not be dropped', async () => {
    const pipeline = await Pipeline.create(
      options({}, async () => {
        throw new Error('no database answers');
      }),
    );
    expect(existsSync(pipeline.store)).toBe(true);
    await expect(pipeline[Symbol.asyncDispose]()).rejects.toThrow('no database answers');
    expect(existsSync(pipeline.folder)).toBe(false);
  });
});
