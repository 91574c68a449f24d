import { spawn } from 'node:child_process';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { logOutput } from '../../src/ops/log-output.ts';

describe('the log’s output', () => {
  it('drops lines while its reader is blocked, and then reports how many', async () => {
    const written: string[] = [];
    let release: () => void = () => undefined;
    const stuck = new Writable({
      write(chunk, _encoding, done) {
        written.push(String(chunk));
        release = done;
      },
    });
    const output = logOutput(stuck, 100);
    for (let i = 0; i < 50; i++) output.write(`${String(i).padStart(9)}\n`);
    expect(stuck.writableLength).toBeLessThanOrEqual(110);

    while (stuck.writableLength > 0) {
      release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    output.write('after\n');
    while (stuck.writableLength > 0) {
      release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const kept = written.filter((line) => /^ *\d+\n$/.test(line)).length;
    expect(JSON.parse(written.at(-2) ?? '')).toMatchObject({ msg: 'log lines dropped', dropped: 50 - kept });
    expect(written.at(-1)).toBe('after\n');
  });

  it('continues when its reader is gone', async () => {
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const output = logOutput(gone);
    output.write('one\n');
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => output.write('two\n')).not.toThrow();
  });

  it.each(['lives but does not read', 'is gone'])(
    'never keeps the process from ending: the reader %s',
    async (reader) => {
      // The same code as JavaScript, since a process needs that.
      const built = fileURLToPath(new URL('../../dist/src/ops/logger.js', import.meta.url));
      const program = `
      const { createLogger } = await import(process.argv[1]);
      const logger = createLogger();
      for (let i = 0; i < 5_000; i++) logger.info({ text: 'x'.repeat(200) }, 'line');
      setTimeout(() => process.exit(7), 200);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, built], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      if (reader === 'is gone') child.stdout.destroy();
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(7);
      clearTimeout(timer);
    },
    30_000,
  );
});
