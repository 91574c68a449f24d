import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { differences, type EndState, expectedState } from '../../src/testing/end-state.ts';
import type { LoadRecord } from '../../src/testing/load.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { BindMount, canMount } from '../support/mounts.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const GROUP = 'pipeline.processors.0.group_dicom_state';

/** The end state when the files of `lost` are never found. */
function withDeadLetters(stored: readonly LoadRecord[], lost: readonly LoadRecord[]): EndState {
  return { ...expectedState(stored), deadLetters: new Set(lost.map(({ key }) => key)) };
}

async function waiting(service: ServiceProcess): Promise<number | undefined> {
  return (await service.metrics())?.get('wado_records_waiting');
}

await describeWith(['kafka', 'postgres'], 'a storage root whose files are missing', ({ kafka, postgres }) => {
  it.skipIf(!canMount())(
    'holds its records when nearly all files are missing because its mount was missing at start',
    { timeout: 120 * SECONDS },
    async () => {
      await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
      const storage = join(pipeline.folder, 'nas');
      mkdirSync(storage);
      using nas = new BindMount(storage, pipeline.store);
      const load = await pipeline.publish({ count: 600 });
      nas.unmount();
      const service = pipeline.start({ FILE_WAIT: '6s' });
      await expect.poll(() => waiting(service), { timeout: 60 * SECONDS }).toBe(load.length);
      // Twice file_wait.
      await new Promise((resolve) => setTimeout(resolve, 12 * SECONDS));
      const answer = await fetch(`${service.url()}/ready`);
      expect(answer.status).toBe(503);
      expect(await answer.text()).toMatch(/storage_roots\.0","connected":false,"error":"files_missing","since":"20/);
      expect(await waiting(service)).toBe(load.length);
      expect(pipeline.logText()).toContain('nearly all recent files of the storage root are missing');
      nas.mount();
      await pipeline.untilCommitted(30 * SECONDS);
      expect((await service.signal('SIGTERM')).code).toBe(0);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    },
  );

  it('holds up no other root', { timeout: 120 * SECONDS }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const first = await pipeline.publish({ count: 400, seed: 1 });
    const lostStudies = readdirSync(pipeline.store);
    const second = await pipeline.publish({ count: 400, seed: 2 });
    // The studies of the first load lie below a root of their own, which is emptied.
    const elsewhere = join(pipeline.folder, 'elsewhere');
    mkdirSync(elsewhere);
    const roots = [pipeline.store, ...lostStudies.map((study) => join(pipeline.store, study))];
    const move = (from: string, to: string) => {
      for (const study of lostStudies) {
        const [root, other] = [join(from, study), join(to, study)];
        mkdirSync(other, { recursive: true });
        for (const series of readdirSync(root)) renameSync(join(root, series), join(other, series));
      }
    };
    move(pipeline.store, elsewhere);
    const service = pipeline.start({ FILE_WAIT: '4s' }, [
      ...['-s', `${GROUP}.storage_roots=[${roots.join(', ')}]`],
      ...['-s', `${GROUP}.outage_files=50`],
    ]);
    await expect
      .poll(async () => (await pipeline.endState()).objects.size, { timeout: 60 * SECONDS })
      .toBe(second.length);
    await new Promise((resolve) => setTimeout(resolve, 8 * SECONDS));
    expect(await waiting(service)).toBe(first.length);
    expect((await fetch(`${service.url()}/ready`)).status).toBe(200);
    move(elsewhere, pipeline.store);
    await pipeline.untilCommitted(30 * SECONDS);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState([...first, ...second]))).toEqual([]);
  });

  it('dead-letters a study that was deleted among others, and fewer files than outage_files', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const lost = await pipeline.publish({ count: 199, seed: 1 });
    for (const study of readdirSync(pipeline.store)) rmSync(join(pipeline.store, study), { recursive: true });
    const service = pipeline.start({ FILE_WAIT: '2s' });
    await pipeline.untilCommitted(60 * SECONDS);
    service.pause();
    const deleted = await pipeline.publish({ count: 300, seed: 2 });
    for (const study of readdirSync(pipeline.store)) rmSync(join(pipeline.store, study), { recursive: true });
    const good = await pipeline.publish({ count: 300, seed: 3 });
    service.resume();
    await pipeline.untilCommitted(60 * SECONDS);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    const expected = withDeadLetters(good, [...lost, ...deleted]);
    expect(differences(await pipeline.endState(), expected)).toEqual([]);
  });

  it('dead-letters every record of a topic of deleted files when missing_files says so', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const load = await pipeline.publish({ count: 600 });
    for (const study of readdirSync(pipeline.store)) rmSync(join(pipeline.store, study), { recursive: true });
    const service = pipeline.start({ FILE_WAIT: '0s', MISSING_FILES: 'dead_letter' });
    await pipeline.untilCommitted(60 * SECONDS);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), withDeadLetters([], load))).toEqual([]);
  });
});
