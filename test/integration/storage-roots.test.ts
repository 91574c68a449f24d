import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { BindMount, canMount } from '../support/mounts.ts';
import { urlOf } from './support/readiness.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const FIELD = 'pipeline.processors.0.group_dicom_state.storage_roots';

await describeWith(['kafka', 'postgres'], 'a storage root that cannot be used', ({ kafka, postgres }) => {
  it('is named at start, holds its records whatever file_wait says, and works again when it appears', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const load = await pipeline.publish({ count: 200 });
    const elsewhere = join(pipeline.folder, 'elsewhere');
    renameSync(pipeline.store, elsewhere);

    const service = pipeline.start({ FILE_WAIT: '1s' });
    await expect
      .poll(() => linesWith(pipeline, 'storage root cannot be used'), { timeout: 30 * SECONDS })
      .toHaveLength(1);
    expect(linesWith(pipeline, 'storage root cannot be used')[0]).toMatchObject({
      level: 'warn',
      field: `${FIELD}.0`,
      code: 'ENOENT',
    });
    const url = urlOf(pipeline);
    await expect.poll(() => metric(url, 'wado_records_waiting'), { timeout: 60 * SECONDS }).toBe(load.length);
    // Six times file_wait: without the root's state all records would be dead letters by now.
    await new Promise((resolve) => setTimeout(resolve, 6 * SECONDS));
    const answer = await fetch(`${url}/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain(`"path":"${FIELD}.0","connected":false,"error":"ENOENT"`);
    expect(await metric(url, 'wado_records_waiting')).toBe(load.length);

    renameSync(elsewhere, pipeline.store);
    await pipeline.untilCommitted(30 * SECONDS);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect(linesWith(pipeline, 'storage root can be used again')).toHaveLength(1);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });

  it.skipIf(!canMount())(
    'dead-letters nothing while its mount is lost under load, and goes on when it is back',
    { timeout: 180 * SECONDS },
    async () => {
      await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
      const storage = join(pipeline.folder, 'nas');
      mkdirSync(storage);
      using nas = new BindMount(storage, pipeline.store);
      const load = await pipeline.publish({ count: 12_000, fileBytes: 256 });
      const service = pipeline.start({ FILE_WAIT: '6s' });
      await pipeline.untilAtWork(60 * SECONDS);
      nas.unmount();
      const url = urlOf(pipeline);
      await expect.poll(() => metric(url, 'wado_records_waiting'), { timeout: 60 * SECONDS }).toBeGreaterThan(2_000);
      // Twice file_wait.
      await new Promise((resolve) => setTimeout(resolve, 12 * SECONDS));
      expect(await (await fetch(`${url}/ready`)).text()).toContain(
        `"${FIELD}.0","connected":false,"error":"not_mounted","since":"20`,
      );
      expect(await metric(url, 'wado_storage_root_unusable_seconds{.*}')).toBeGreaterThan(10);
      nas.mount();
      await pipeline.untilCommitted(60 * SECONDS);
      expect((await service.signal('SIGTERM')).code).toBe(0);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    },
  );

  it('is named beside one that can, and then the service is ready', { timeout: 60 * SECONDS }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const load = await pipeline.publish({ count: 50 });
    const roots = `pipeline.processors.0.group_dicom_state.storage_roots=[${pipeline.folder}/none, ${pipeline.store}]`;
    const service = pipeline.start({}, ['-s', roots]);
    await pipeline.untilCommitted(30 * SECONDS);
    const answer = await fetch(`${urlOf(pipeline)}/ready`);
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).toContain(`"path":"${FIELD}.0","connected":false,"error":"ENOENT"`);
    expect(text).toContain(`"path":"${FIELD}.1","connected":true`);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });
});

function linesWith(pipeline: Pipeline, text: string): readonly Record<string, unknown>[] {
  const lines = pipeline.hasStarted() ? pipeline.logText().split('\n') : [];
  return lines.filter((line) => line.includes(text)).map((line) => JSON.parse(line));
}

async function metric(url: string | undefined, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}
