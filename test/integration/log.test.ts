import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Offset {
  readonly partition: number;
  readonly offset: number;
}

await describeWith(['kafka', 'postgres'], 'the log of the built service', ({ kafka, postgres }) => {
  /** Consumes a load with a dead letter of each kind, two of them after a wait for their file, and returns the log. */
  async function run(args: readonly string[], level: string) {
    const pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    await pipeline.publish({ count: 400, poisonEvery: 50 });
    const service = pipeline.start({ LOG_LEVEL: level, FILE_WAIT: '500ms' }, args);
    await pipeline.untilCommitted(60 * SECONDS);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    const log = pipeline.logText().trim().split('\n');
    return { pipeline, lines: log.map((line): Line => JSON.parse(line)) };
  }

  const last = (commits: readonly Offset[]) => new Map(commits.map(({ partition, offset }) => [partition, offset]));

  it.each([
    ['at least once', []],
    ['exactly once', ['--exactly-once']],
  ])('has the offsets that the broker has, %s', { timeout: 120 * SECONDS }, async (_mode, args) => {
    const { pipeline, lines } = await run(args, 'DEBUG');
    const admin = createAdmin({ 'bootstrap.servers': kafka.brokers });
    const committed = await admin.committedOffsets(pipeline.group, pipeline.topics.input);
    admin.close();
    const logged = lines.filter(({ msg }) => msg === 'offsets committed').flatMap(({ offsets }) => offsets as Offset[]);
    expect(last(logged)).toEqual(last(committed));
    // In the batches' lines, too, but for the commits after the last batch.
    const batches = lines.filter(({ msg }) => msg === 'batch acknowledged');
    expect(batches.reduce((sum, { records }) => sum + Number(records), 0)).toBe(400);
    for (const { committed: offsets = [] } of batches)
      for (const { partition, offset } of offsets as Offset[])
        expect(offset).toBeLessThanOrEqual(last(committed).get(partition) ?? 0);
    await pipeline[Symbol.asyncDispose]();
  });

  it('has the dead letters by code and the waits for files at INFO', { timeout: 120 * SECONDS }, async () => {
    const { pipeline, lines } = await run([], 'INFO');
    const counts = new Map<string, number>();
    for (const { codes } of lines.filter(({ level, msg }) => level === 'warn' && msg === 'records dead-lettered'))
      for (const [code, count] of Object.entries(codes as Record<string, number>))
        counts.set(code, (counts.get(code) ?? 0) + count);
    expect(Object.fromEntries(counts)).toEqual({ not_json: 2, invalid_field: 2, file_missing: 2, not_dicom: 2 });
    const messages = lines.map(({ msg }) => msg);
    expect(messages).toContain('records are waiting for their files');
    expect(messages).toContain('no records are waiting for their files');
    expect(messages).not.toContain('offsets committed');
    await pipeline[Symbol.asyncDispose]();
  });
});
