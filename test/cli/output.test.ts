import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/wado-consumer.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'output-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a verb whose stdout is `stdout`; 'closed' is a pipe whose reader has gone. */
async function run(args: readonly string[], stdout: number | 'closed') {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', stdout === 'closed' ? 'pipe' : stdout, 'pipe'],
  });
  child.stdout?.destroy();
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

const VERBS = [
  { args: ['describe'], code: 0 },
  { args: ['lint', '--verbose', 'package.json'], code: 1 },
  { args: ['header', 'package.json', 'README.md'], code: 0 },
  { args: ['samples', folder, '--studies', '1'], code: 0 },
];

describe.concurrent('a verb whose reader has closed the pipe', { timeout: 60_000 }, () => {
  it.each([...VERBS, { args: ['--help'], code: 0 }])(
    '$args ends with its own exit code and no error',
    async ({ args, code }) => {
      expect(await run(args, 'closed')).toEqual({ code, stderr: expect.not.stringContaining('EPIPE') });
    },
  );
});

// A full disk loses output that somebody wants: that must not look like success.
describe.runIf(existsSync('/dev/full')).concurrent('a verb whose output cannot be stored', { timeout: 60_000 }, () => {
  it.each(VERBS.slice(0, 2))('$args exits with 3 and names the reason', async ({ args }) => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await run(args, full);
    closeSync(full);
    expect(code).toBe(3);
    expect(stderr).toContain('writing to stdout failed (ENOSPC)');
  });
});
