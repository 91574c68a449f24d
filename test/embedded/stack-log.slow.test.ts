import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const TESTS = `
import { expect } from ${JSON.stringify(here('node_modules/vitest/dist/index.js'))};
import { stackTest } from ${JSON.stringify(here('src/testing/vitest/index.ts'))};

const test = stackTest({ broker: 'embedded', database: 'pglite' });
test('fails at an assertion', async ({ stack }) => {
  expect(await stack.committed()).toBe(1);
}, 120_000);
test('fails while it waits', async ({ stack }) => {
  await stack.until('pigs fly', () => false, 500);
}, 120_000);
test('passes', async ({ stack }) => {
  expect(await stack.committed()).toBe(0);
}, 120_000);
`;

describe('a test of stackTest that fails', () => {
  let folder: string;
  let output: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wado-stack-log-'));
    await writeFile(join(folder, 'failing.test.ts'), TESTS);
    const config = join(folder, 'vitest.config.mjs');
    await writeFile(config, `export default { test: { root: ${JSON.stringify(folder)}, hookTimeout: 150_000 } };`);
    const vitest = [here('node_modules/vitest/vitest.mjs'), 'run', '--config', config, '--reporter', 'verbose'];
    const run = promisify(execFile)(process.execPath, vitest, { cwd: folder, env: { ...process.env, NO_COLOR: '1' } });
    const failed = await run.then(
      () => undefined,
      (error: { readonly stdout: string; readonly stderr: string }) => error,
    );
    output = `${failed?.stdout}${failed?.stderr}`;
  }, 240_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const times = (text: string) => output.split(text).length - 1;

  it('prints the end of the log under its name, once', () => {
    expect(output).toContain('2 failed | 1 passed');
    expect(times(`end of the service's log, test "fails at an assertion":`)).toBe(1);
    expect(output).toMatch(/fails at an assertion":\n(?:.*\n)*?.*partitions assigned/);
  });

  it('prints nothing more where the error has the log, or where it passes', () => {
    expect(times("end of the service's log, test")).toBe(1);
    expect(output).toContain('pigs fly');
  });
});
