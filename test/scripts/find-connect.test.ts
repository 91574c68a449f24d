import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
/** What build.sh calls before it looks for Go. */
const NEEDED = ['cat', 'cksum', 'dirname', 'tr', 'sh'];

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wado-'));
  for (const name of NEEDED) {
    const found = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    symlinkSync(found, join(folder, name));
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Puts a program on the PATH whose `run --help` prints this. */
function install(name: string, help: string): void {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n[ "$*" = "$EXPECTED" ] && echo "${help}"\n`);
  chmodSync(file, 0o755);
}

/** `npm run connect` on a machine that has only the programs of `folder`. */
function runConnect(expected = '') {
  const env = { PATH: folder, HOME: folder, EXPECTED: expected };
  return spawnSync(process.execPath, ['scripts/connect/run.mjs', '--once'], { cwd: ROOT, env, encoding: 'utf8' });
}

/** The command that `npm run connect` would run there. */
function found(expected: string): unknown {
  const code = `import('./scripts/connect/find.mjs').then(({ findConnect }) => console.log(JSON.stringify(findConnect())))`;
  const env = { PATH: folder, HOME: folder, EXPECTED: expected };
  return JSON.parse(execFileSync(process.execPath, ['-e', code], { cwd: ROOT, env, encoding: 'utf8' }));
}

describe('npm run connect', () => {
  it('says what to install where there is neither Redpanda Connect nor Go, with exit code 1', () => {
    const { status, stderr } = runConnect();
    expect(status).toBe(1);
    for (const name of ['redpanda-connect ', 'rpk ', 'go '])
      expect(stderr).toMatch(new RegExp(`^  ${name}.*https:`, 'm'));
  });

  it('says that an installed Redpanda Connect has no plugins, rather than to run it', () => {
    install('redpanda-connect', '--set');
    const { status, stderr } = runConnect('run --help');
    expect(status).toBe(1);
    expect(stderr).toContain("'redpanda-connect' is installed, but 'run' has no option --rpc-plugins.");
  });

  it('takes redpanda-connect or rpk connect from the PATH', () => {
    install('rpk', '--rpc-plugins');
    expect(found('connect run --help')).toEqual(['rpk', 'connect']);
    install('redpanda-connect', '--rpc-plugins');
    expect(found('run --help')).toEqual(['redpanda-connect']);
  });
});
