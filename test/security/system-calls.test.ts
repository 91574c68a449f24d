import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHostileStore, type HostileStore } from './hostile-paths.ts';

const traceable = spawnSync('strace', ['-f', 'true'], { stdio: 'ignore' }).status === 0;

const CHANGES = 'creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat';
const MORE_CHANGES = 'truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,utimensat,mknod,mknodat';

/** Each opening that succeeded: its flags, and where the kernel says that it led. */
function openings(trace: string): { flags: string; where: string }[] {
  return [...trace.matchAll(/\bopen(?:at)?\(.*?, (O_[A-Z_|]+).*?\) = \d+<(.*)>$/gm)].map(
    ([, flags = '', where = '']) => ({
      flags,
      where,
    }),
  );
}

describe.skipIf(!traceable)('the system calls of the reader (needs strace)', () => {
  let hostile: HostileStore;
  let trace: string;

  beforeAll(() => {
    hostile = createHostileStore();
    const list = join(hostile.folder, 'list.json');
    const log = join(hostile.folder, 'trace');
    // A NUL can't be in a path that the kernel sees, and is refused before.
    writeFileSync(list, JSON.stringify(hostile.paths.map(({ path }) => path)));
    const script = join(import.meta.dirname, 'read-paths.mjs');
    const calls = `trace=open,openat,${CHANGES},${MORE_CHANGES}`;
    const run = spawnSync(
      'strace',
      [
        '-ff',
        '-y',
        '-s',
        '5000',
        '-e',
        calls,
        '-e',
        'signal=none',
        '-o',
        log,
        process.execPath,
        script,
        hostile.store,
        list,
      ],
      { encoding: 'utf8', timeout: 60_000 },
    );
    const ok = hostile.paths.filter(({ outcome }) => outcome === 'ok').length;
    expect([run.status, run.stdout]).toEqual([0, JSON.stringify(Array(2).fill([ok, hostile.paths.length - ok]))]);
    // A file for each thread, so that no line is cut in two by another thread's.
    trace = readdirSync(hostile.folder)
      .filter((name) => name.startsWith('trace.'))
      .map((name) => readFileSync(join(hostile.folder, name), 'utf8'))
      .join('');
  }, 90_000);

  afterAll(() => hostile?.remove());

  it('concern the storage and nothing outside', () => {
    const all = openings(trace);
    expect(all.filter(({ where }) => where.startsWith(join(hostile.store, 'study', 'a.dcm'))).length).toBeGreaterThan(
      3,
    );
    expect(all.filter(({ where }) => where.startsWith(hostile.outside))).toEqual([]);
    const forbidden =
      /^(\/etc\/passwd|\/dev\/(zero|tty|stdin)|\/proc\/(self|\d+)\/(environ|mem)|.*\/package\.json\b.*CANARY)/;
    expect(all.filter(({ where }) => forbidden.test(where))).toEqual([]);
  });

  it('read and do nothing else', () => {
    const inStore = openings(trace).filter(({ where }) => where.startsWith(hostile.store));
    for (const { flags } of inStore) expect(flags).not.toMatch(/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND/);
    // The tracer's own log and Node's start lie elsewhere: whatever changes anything must not name the store.
    const changes = trace
      .split('\n')
      .filter((line) => new RegExp(`\\b(${`${CHANGES},${MORE_CHANGES}`.replaceAll(',', '|')})\\(`).test(line));
    expect(changes.filter((line) => line.includes(hostile.folder))).toEqual([]);
  });

  it('never block on a file', () => {
    const special = openings(trace).filter(({ where }) => /\/(fifo|zero)(<|$)/.test(where));
    expect(special.length).toBeGreaterThan(0);
    for (const { flags } of special) expect(flags).toContain('O_NONBLOCK');
  });
});
