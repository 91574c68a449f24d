import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import type { LoadRecord } from '../../src/testing/load.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { publishedAt, repetitions, timesPublished } from '../support/times-published.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const RECORDS = 4_000;
const LATE_EVERY = 20;
/** Fewer records in flight than there are late files. */
const NARROW = ['--set', 'input.redpanda.unordered_processing.checkpoint_limit=100'];
/** The full run has 20. */
const KILLS = Number(process.env.WADO_LATE_FILES_KILLS ?? 2);
/** Enough that no process runs out of records before it is killed: 20 kills on a fast machine take 20,000. */
const PER_KILL = Number(process.env.WADO_LATE_FILES_PER_KILL ?? 3_000);
/** As shipped. */
const COMMIT_PERIOD_MS = 1_000;
/** From the publication of a batch to the broker's answer to the commit, on a busy machine. */
const COMMIT_TAKES_MS = 1_500;
/** A longer wait than any of these tests takes. */
const PATIENT = { FILE_WAIT: '5m' };

await describeWith(['kafka', 'postgres'], 'while files are late', ({ kafka, postgres }) => {
  const create = () => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });

  /** Moves the file of every n-th record away. The returned function brings them back. */
  function delayFiles(pipeline: Pipeline, load: readonly LoadRecord[], every = LATE_EVERY): () => void {
    const moves = load
      .filter((_, n) => n % every === 7)
      .map(({ value, key }) => {
        const { file_path: path }: { file_path: string } = JSON.parse(value);
        return [path, join(pipeline.folder, 'late', key)] as const;
      });
    mkdirSync(join(pipeline.folder, 'late'));
    for (const [path, away] of moves) renameSync(path, away);
    return () => {
      for (const [path, away] of moves) {
        mkdirSync(dirname(path), { recursive: true });
        renameSync(away, path);
      }
    };
  }

  const isAtWork = (log: string) => existsSync(log) && readFileSync(log, 'utf8').includes('"msg":"batch acknowledged"');
  const published = async (pipeline: Pipeline) => await timesPublished(pipeline, pipeline.topics.image, 'sop_uid');

  for (const [mode, args] of [
    ['at least once', NARROW],
    ['exactly once', [...NARROW, '--exactly-once']],
  ] as const) {
    it(`the other records are processed, and after kill -9 none of them again (${mode})`, {
      timeout: 120 * SECONDS,
    }, async () => {
      await using pipeline = await create();
      const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1 });
      const bringBack = delayFiles(pipeline, load);
      const first = pipeline.start(PATIENT, args);
      const others = RECORDS - RECORDS / LATE_EVERY;
      await expect.poll(async () => (await published(pipeline)).size, { timeout: 60 * SECONDS }).toBe(others);
      // Two periods of commit_period.
      await sleep(2 * SECONDS);
      await first.signal('SIGKILL');

      const second = pipeline.start(PATIENT, args, { log: `${pipeline.log}.second` });
      bringBack();
      await pipeline.untilCommitted(90 * SECONDS);
      expect((await second.signal('SIGTERM')).code).toBe(0);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
      expect(await repetitions(pipeline)).toEqual([]);
    });
  }

  it(`${KILLS} kill -9 at full speed with 1 % missing files repeat at most commit_period of work each, and lose nothing`, {
    timeout: (120 + 30 * KILLS) * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: PER_KILL * (KILLS + 1), imagesPerSeries: 1, fileBytes: 256 });
    const bringBack = delayFiles(pipeline, load, 100);
    // With an instance id, the next process needn't wait for the session of the killed one to end.
    const env = { ...PATIENT, INSTANCE_ID: 'kill' };
    const kills: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const log = `${pipeline.log}.${kill}`;
      const service = pipeline.start(env, [], { log });
      await expect.poll(() => isAtWork(log), { timeout: 60 * SECONDS, interval: 20 }).toBe(true);
      // Every other kill comes after the commit of the first batches is due.
      await sleep((kill % 2 === 0 ? 200 : COMMIT_PERIOD_MS + COMMIT_TAKES_MS + 500) + ((kill * 377) % 1_500));
      kills.push(Date.now());
      await service.signal('SIGKILL');
    }
    bringBack();
    const last = pipeline.start(env, [], { log: `${pipeline.log}.last` });
    await pipeline.untilCommitted(90 * SECONDS);
    expect((await last.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    const times = await publishedAt(pipeline, pipeline.topics.image, 'sop_uid');
    // Of each repeated output, how long before the kill it was published.
    const ages = [...times.values()].flatMap((each) =>
      each.slice(0, -1).map((time) => (kills.find((kill) => kill >= time) ?? Number.POSITIVE_INFINITY) - time),
    );
    const most = Math.max(0, ...ages);
    console.log(
      `${KILLS} kills, ${load.length} records: ${ages.length} repeated, the oldest ${most} ms before the kill`,
    );
    expect(most).toBeLessThanOrEqual(COMMIT_PERIOD_MS + COMMIT_TAKES_MS);
  });

  it('a reader of committed records sees each output once, through five kill -9 at full speed', {
    timeout: 200 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1, poisonEvery: 501 });
    const bringBack = delayFiles(pipeline, load);
    for (const share of [0.15, 0.3, 0.5, 0.65, 0.8]) {
      const service = pipeline.start(PATIENT, ['--exactly-once']);
      await expect
        .poll(async () => (await published(pipeline)).size, { timeout: 60 * SECONDS, interval: 100 })
        .toBeGreaterThan(RECORDS * share);
      await service.signal('SIGKILL');
    }
    bringBack();
    // Some of the records that can't be processed have no file: they become dead letters after a short wait.
    const last = pipeline.start({}, ['--exactly-once'], { log: `${pipeline.log}.last` });
    await pipeline.untilCommitted(90 * SECONDS);
    expect((await last.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await repetitions(pipeline)).toEqual([]);
  });

  it('all records are committed in transactions although the metadata has no room for those that wait', {
    timeout: 150 * SECONDS,
  }, async () => {
    await using own = await OwnKafka.start(['offset.metadata.max.bytes=300']);
    await using pipeline = await Pipeline.create({ brokers: own.brokers, dsn: postgres.dsn, partitions: 1 });
    const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1 });
    const bringBack = delayFiles(pipeline, load, 8);
    const service = pipeline.start(PATIENT, [...NARROW, '--exactly-once']);
    const held = async () => {
      const text = await fetch(`${service.url()}/metrics`).then((answer) => answer.text());
      return Number(/^wado_commit_metadata_overflow_offsets\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    // All records in flight wait for room in the metadata.
    await expect.poll(held, { timeout: 60 * SECONDS, interval: 200 }).toBeGreaterThanOrEqual(100);
    bringBack();
    await pipeline.untilCommitted(60 * SECONDS);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await repetitions(pipeline)).toEqual([]);
  });
});
