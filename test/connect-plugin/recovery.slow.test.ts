import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Supervisor, type WorkerLoss } from '../../src/connect-plugin/supervisor.ts';
import type { WorkerEnd } from '../../src/connect-plugin/worker-process.ts';
import { childrenOf, host, newAddress } from './host.ts';
import { fixture, isAlive, node, supervise, until, WORKER } from './supervise.ts';

const DIST = join(import.meta.dirname, '../../dist/src');
const newFile = () => join(mkdtempSync(join(tmpdir(), 'connect-plugin-')), 'marker');

describe('the socket of a plugin', () => {
  it('is taken over when its file is left from a process that was killed', async () => {
    const address = newAddress();
    const first = fixture({}, address);
    await first.init();
    first.signal('SIGKILL');
    await first.exited;
    expect(existsSync(address.slice('unix:'.length))).toBe(true);
    await using second = fixture({}, address);
    await second.init();
    expect(await second.process('alive')).toMatchObject({ text: 'alive' });
    await first[Symbol.asyncDispose]();
  });

  it('is not taken from a process that listens: the second one ends with one line', async () => {
    const address = newAddress();
    await using first = fixture({}, address);
    await first.init();
    await using second = host('processor', [node, join(DIST, 'cli/wado-consumer.cjs'), 'plugin', 'group_dicom_state'], {
      address,
    });
    expect((await second.exited).code).toBe(1);
    expect(second.output()).toMatch(/^wado-consumer: another process listens on REDPANDA_CONNECT_PLUGIN_ADDRESS.*\n$/);
    expect(await first.process('alive')).toMatchObject({ text: 'alive' });
  });
});

describe('a worker that can’t be started', () => {
  it.each([
    ['the program is missing', { command: [join(DIST, 'missing')], env: {} }, 'ENOENT'],
    ['its environment is too large', { command: [node, WORKER], env: { X: 'x'.repeat(200_000) } }, 'E2BIG'],
  ] as const)('because %s counts as one that ended: another one is started after a pause', async (_, command, code) => {
    const lost: (WorkerEnd & WorkerLoss)[] = [];
    const supervisor = new Supervisor({
      type: 'processor',
      command: [...command.command],
      env: command.env,
      onWorkerLost: (end, loss) => lost.push({ ...end, ...loss }),
    });
    await until(() => lost.length >= 3);
    expect(lost.slice(0, 3).map(({ startError, delayMs }) => [startError, delayMs])).toEqual([
      [code, 0],
      [code, 100],
      [code, 200],
    ]);
    await supervisor.stop();
  });

  it('because no file descriptor is left counts as one that ended, too', () => {
    const script = `
      import { closeSync, openSync } from 'node:fs';
      import { Supervisor } from '${pathToFileURL(join(DIST, 'connect-plugin/supervisor.js'))}';
      const open = [];
      try { for (;;) open.push(openSync('/dev/null')); } catch {}
      let ends = 0;
      const supervisor = new Supervisor({
        type: 'processor', command: [process.execPath, '-e', ''], env: {},
        onWorkerLost({ startError }) {
          console.log(startError ?? 'started');
          ends++;
          if (ends === 2) for (const fd of open) closeSync(fd);
          if (ends === 3) supervisor.stop();
        },
      });`;
    const limited = ['-c', 'ulimit -n 64; exec "$0" "$@"', node, '--input-type=module', '-e', script];
    expect(String(execFileSync('/bin/sh', limited)).trim().split('\n')).toEqual(['EMFILE', 'EMFILE', 'started']);
  });
});

describe('a worker that hangs', () => {
  it('while it is initialised again is replaced', async () => {
    const env = { FIXTURE_STARTS: 'hangs once', FIXTURE_MARKER: newFile() };
    await using plugin = supervise('processor', { startMs: 3_000, holdMs: 60_000 }, env);
    await plugin.call('Init');
    process.kill(plugin.worker(), 'SIGKILL');
    expect(await plugin.call('ProcessBatch', 'alive')).toHaveProperty('batches');
    expect(existsSync(`${env.FIXTURE_MARKER}.hung`)).toBe(true);
    expect(plugin.losses.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a plugin that Redpanda Connect has left', () => {
  it('ends when Connect died before it served', async () => {
    // A shell is the parent that dies.
    const script = `FIXTURE_SERVES='when orphaned' ${node} ${WORKER} & sleep 60`;
    await using shell = host('processor', ['/bin/sh', '-c', script]);
    await until(() => shell.output().includes('loaded'));
    const [supervisor = 0] = shell
      .workers()
      .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(WORKER));
    shell.signal('SIGKILL');
    await until(() => !isAlive(supervisor));
  });

  it('is reported when Connect doesn’t initialise it in time, and only then', async () => {
    let unused = 0;
    const times = { initMs: 300, onUnused: () => unused++ };
    await using initialised = supervise('processor', times);
    await initialised.call('Init');
    await sleep(500);
    expect(unused).toBe(0);
    await using _forgotten = supervise('processor', times);
    await until(() => unused === 1);
  });

  it('closes and ends its worker, also when that has a handle open', async () => {
    const env = { FIXTURE_OPEN_HANDLE: '1', FIXTURE_CLOSE: 'writes', FIXTURE_MARKER: newFile() };
    await using plugin = fixture(env);
    await plugin.init();
    const [worker = 0] = plugin.workers();
    expect(childrenOf(plugin.pid)).toEqual([worker]);
    plugin.signal('SIGKILL');
    await until(() => !isAlive(worker));
    expect(existsSync(env.FIXTURE_MARKER)).toBe(true);
  });

  it('ends after Close without a SIGTERM, also when it can’t close', async () => {
    await using plugin = fixture({ FIXTURE_CLOSE: 'throws', FIXTURE_OPEN_HANDLE: '1' });
    await plugin.init();
    expect(await plugin.call('Close')).toEqual({});
    expect(await plugin.exited).toEqual({ code: 0, signal: null });
    expect(JSON.parse(plugin.output())).toMatchObject({ msg: 'the plugin could not close', error: 'still busy' });
  });
});
