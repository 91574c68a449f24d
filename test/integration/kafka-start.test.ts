import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { TestTopics } from './support/kafka-topics.ts';
import { untilError } from './support/readiness.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], 'a service that starts', ({ kafka, postgres }) => {
  const create = () => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions: 1 });

  function start(pipeline: Pipeline, startOffset: string) {
    const config = join(pipeline.folder, 'redpanda.yaml');
    const shipped = readFileSync('redpanda.yaml', 'utf8');
    writeFileSync(config, shipped.replace('start_offset: earliest', `start_offset: ${startOffset}`));
    return pipeline.start({}, [], { config });
  }

  it('ends with exit code 3 and names the partition when start_offset is committed and there is no offset', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const service = start(pipeline, 'committed');
    expect(await service.exited).toEqual({ code: 3, signal: null });
    const lines = pipeline.logText().trim().split('\n');
    const fatal = lines.findLast((line) => line.startsWith('{')) ?? '';
    expect(JSON.parse(fatal)).toMatchObject({
      level: 'fatal',
      err: { code: 'no_committed_offset', context: { detail: `${pipeline.topics.input}/0` } },
    });
    expect(lines.at(-1)).toContain(
      `start_offset is committed, but the group has no offset for ${pipeline.topics.input}/0`,
    );
    // Once, without a restart.
    expect(pipeline.logText()).not.toContain('restarting from the committed offsets');
  });

  it('counts and logs the records that retention deleted before it, and says where it starts', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const topics = new TestTopics(kafka.brokers);
    await topics.fill(pipeline.topics.input, 10);
    const first = start(pipeline, 'latest');
    await pipeline.untilCommitted(60 * SECONDS);
    await first.signal('SIGTERM');
    await topics.fill(pipeline.topics.input, 20);
    await topics.deleteRecordsBelow(pipeline.topics.input, 25);
    const second = start(pipeline, 'latest');
    await pipeline.untilCommitted(60 * SECONDS);
    const lines = pipeline
      .logText()
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', reason: 'retention', from: 10, to: 25, skipped: 15 }),
    );
    expect((await second.metrics())?.get('wado_records_skipped')).toBe(15);
    const assigned = lines.filter(({ msg }) => msg === 'partitions assigned').map(({ offsets }) => offsets);
    expect(assigned).toEqual([{ [`${pipeline.topics.input}/0`]: 10 }, { [`${pipeline.topics.input}/0`]: 25 }]);
  });

  it('is not ready, and names the topic, while its topic does not exist', { timeout: 120 * SECONDS }, async () => {
    await using pipeline = await create();
    const topic = `${pipeline.topics.input}.not-there`;
    const service = pipeline.start({ STORAGE_TOPIC: topic });
    await untilError(service, `ERR_UNKNOWN_TOPIC_OR_PART:${topic}`);
    expect(pipeline.logText()).toContain(`there is no topic ${topic}, trying again`);
  });
});
