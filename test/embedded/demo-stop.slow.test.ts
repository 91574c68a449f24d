import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../src/testing/until.ts';
import { createDemoFolder, type DemoFolder } from '../support/demo-folder.ts';

let folder: DemoFolder;
beforeAll(async () => {
  folder = await createDemoFolder();
});
afterEach(() => folder.killAll());
afterAll(() => folder.remove());

describe('demo without --once', () => {
  it('continues until it is stopped, and then accounts for everything', async () => {
    const run = folder.demo('--studies', '5');
    await until('it processes', () => /records [1-9]/.test(run.output()), 60_000);
    const url = /http:\/\/[\d.:]+/.exec(run.output())?.[0];
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ statuses: expect.any(Array) });
    const wrong = folder.demo('--sql', 'select nonsense');
    expect(await wrong.code, wrong.output()).toBe(1);
    run.child.kill('SIGINT');
    expect(await run.code, run.output()).toBe(0);
    expect(run.output()).toContain('accounted for');
  });

  it('exits with 2 when a row is missing at the end', async () => {
    const run = folder.demo('--studies', '5');
    await until('everything is processed', () => /studies [1-9].*lag 0/.test(run.output()), 60_000);
    const vandal = folder.demo(
      '--sql',
      'delete from dicom_image_meta where sop_uid = (select max(sop_uid) from dicom_image_meta where source_trace_id in (select trace_id from dicom_object_meta where worker_node_id = (select max(worker_node_id) from dicom_object_meta))) returning 1 as gone',
    );
    expect(await vandal.code, vandal.output()).toBe(0);
    run.child.kill('SIGTERM');
    expect(await run.code, run.output()).toBe(2);
    expect(run.output()).toMatch(/images .*dicom_image_meta +DIFFERS/);
  });

  it('starts again on the database of a killed demo', async () => {
    const killed = folder.demo('--studies', '100');
    await until('it processes', () => /records [1-9]/.test(killed.output()), 60_000);
    killed.child.kill('SIGKILL');
    await killed.code;
    const next = folder.demo('--once', '--studies', '10');
    expect(await next.code, next.output()).toBe(0);
  });
});
