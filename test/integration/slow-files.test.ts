import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { delayLibrary } from '../../bench/delay-library.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { timesPublished } from '../support/times-published.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const RECORDS = 4_000;
/** The files of every hundredth record. */
const SLOW = '77.dcm';
const FOREVER_US = 3_600_000_000;

const folder = mkdtempSync(join(tmpdir(), 'slow-files-'));
const library = delayLibrary(folder);

await describeWith(['kafka', 'postgres'], 'while single files hang on storage that is fast otherwise', (services) => {
  const { kafka, postgres } = services;

  for (const [mode, args] of [
    ['at least once', []],
    ['exactly once', ['--exactly-once']],
  ] as const) {
    it.runIf(library !== undefined)(
      `all other records are processed, and these when their files are read (${mode})`,
      {
        timeout: 120 * SECONDS,
      },
      async () => {
        await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
        const load = await pipeline.publish({ count: RECORDS, imagesPerSeries: 1 });
        const hangs = join(pipeline.folder, 'files-hang');
        writeFileSync(hangs, '');
        const env = {
          LD_PRELOAD: library ?? '',
          DELAY_PREFIX: pipeline.store,
          DELAY_ONLY: SLOW,
          DELAY_US: String(FOREVER_US),
          DELAY_WHILE: hangs,
          FILE_WAIT: '5m',
        };
        const service = pipeline.start(env, args);
        const published = async () => (await timesPublished(pipeline, pipeline.topics.image, 'sop_uid')).size;
        await expect.poll(published, { timeout: 60 * SECONDS }).toBe(RECORDS - RECORDS / 100);
        const answer = await fetch(`${service.url()}/ready?verbose`);
        const { partitions } = JSON.parse(await answer.text());
        const unacked = partitions.map((each: Record<string, number>) => (each.inFlight ?? 0) + (each.waiting ?? 0));
        expect(unacked.reduce((sum: number, records: number) => sum + records, 0)).toBe(RECORDS / 100);

        rmSync(hangs);
        await pipeline.untilCommitted(60 * SECONDS);
        expect((await service.signal('SIGTERM')).code).toBe(0);
        expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
      },
    );
  }
});
