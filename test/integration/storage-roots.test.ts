import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { BindMount, canMount } from '../support/mounts.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
/** How long the mount is lost under load: at least twice file_wait. The full run has 300 s. */
const LOST_SECONDS = Math.max(12, Number(process.env.WADO_LOST_MOUNT_SECONDS ?? 12));
/** The heap's size varies by as much between two garbage collections. */
const FLAT_MB = 60;
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
      field: `root.${FIELD}.0`,
      code: 'ENOENT',
    });
    await expect.poll(() => metric(service, 'wado_records_waiting'), { timeout: 60 * SECONDS }).toBe(load.length);
    // Six times file_wait: without the root's state all records would be dead letters by now.
    await new Promise((resolve) => setTimeout(resolve, 6 * SECONDS));
    const answer = await fetch(`${service.url()}/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain(`"path":"${FIELD}.0","connected":false,"error":"ENOENT"`);
    expect(await metric(service, 'wado_records_waiting')).toBe(load.length);

    renameSync(elsewhere, pipeline.store);
    await pipeline.untilCommitted(30 * SECONDS);
    expect((await fetch(`${service.url()}/ready`)).status).toBe(200);
    expect(linesWith(pipeline, 'storage root can be used again')).toHaveLength(1);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });

  it.skipIf(!canMount())(
    'dead-letters nothing while its mount is lost under load, and goes on when it is back',
    { timeout: (180 + LOST_SECONDS) * SECONDS },
    async () => {
      await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
      const storage = join(pipeline.folder, 'nas');
      mkdirSync(storage);
      using nas = new BindMount(storage, pipeline.store);
      const load = await pipeline.publish({ count: 12_000, fileBytes: 256 });
      const service = pipeline.start({ FILE_WAIT: '6s' });
      await pipeline.untilAtWork(60 * SECONDS);
      nas.unmount();
      await expect
        .poll(() => metric(service, 'wado_records_waiting'), { timeout: 60 * SECONDS })
        .toBeGreaterThan(2_000);
      const pause = () => new Promise((resolve) => setTimeout(resolve, (LOST_SECONDS / 2) * SECONDS));
      await pause();
      const rss = rssMb(service.pid);
      await pause();
      const grown = rssMb(service.pid) - rss;
      expect(grown).toBeLessThan(FLAT_MB);
      expect(await (await fetch(`${service.url()}/ready`)).text()).toContain(
        `"${FIELD}.0","connected":false,"error":"not_mounted","since":"20`,
      );
      expect(await metric(service, 'wado_storage_root_unusable_seconds')).toBeGreaterThan(10);
      const waiting = await metric(service, 'wado_records_waiting');
      nas.mount();
      const began = performance.now();
      await pipeline.untilCommitted(60 * SECONDS);
      const seconds = ((performance.now() - began) / SECONDS).toFixed(1);
      console.log(
        `lost for ${LOST_SECONDS} s: RSS ${rss} MB, grown by ${grown}; ${waiting} records stored in ${seconds} s`,
      );
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
    const answer = await fetch(`${service.url()}/ready`);
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

async function metric(service: ServiceProcess, name: string): Promise<number | undefined> {
  return (await service.metrics())?.get(name);
}

function rssMb(pid: number | undefined): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1_024);
}
