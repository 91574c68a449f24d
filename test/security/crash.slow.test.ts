import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startServiceProcess } from '../../src/testing/service-process.ts';
import { findCanaries } from './canary.ts';

const folder = mkdtempSync(join(tmpdir(), 'wado-crash-'));
afterAll(() => rmSync(folder, { recursive: true }));

// An error as PostgreSQL's driver throws it, uncaught.
const ERROR = `Object.assign(new Error('Key (patient_name)=(CANARY^NAME) exists\\n    at CANARY (CANARY:1:1)'), {
  code: '23505', detail: 'CANARY', where: 'CANARY', name: 'CANARY ^ NAME', row: { patient: 'CANARY' } })`;

/** Runs the built service, in which `code` is run after it has started; returns its end and all that it printed. */
async function runWith(name: string, code: string) {
  const trigger = join(folder, `${name.replaceAll(/\W/g, '-')}.mjs`);
  const log = `${trigger}.log`;
  // Worker threads load it too.
  const imports = "import { isMainThread } from 'node:worker_threads';";
  writeFileSync(trigger, `${imports} if (isMainThread) setTimeout(() => { ${code} }, 1_000).unref();`);
  const service = startServiceProcess({
    config: 'redpanda.yaml',
    log,
    env: {
      NODE_OPTIONS: `--import=${trigger}`,
      LOG_LEVEL: 'TRACE',
      KAFKA_BROKERS: '127.0.0.1:1',
      POSTGRES_DSN: 'postgres://nobody@127.0.0.1:1/none',
      HTTP_ADDRESS: '127.0.0.1:0',
    },
  });
  const deadline = setTimeout(() => void service.signal('SIGTERM'), 8_000);
  const { code: exitCode } = await service.exited;
  clearTimeout(deadline);
  return { exitCode, printed: readFileSync(log, 'utf8') };
}

describe.concurrent('an uncaught error', { timeout: 60_000 }, () => {
  it.each([
    ['thrown', `throw ${ERROR}`],
    ['rejected', `void Promise.reject(${ERROR})`],
    ['wrapped', `throw new AggregateError([${ERROR}], 'CANARY', { cause: ${ERROR} })`],
    ['changed after it was made', `const e = ${ERROR}; e.message = 'other'; throw e`],
    ['no error at all', `throw { toString: () => 'CANARY', patient: 'CANARY' }`],
    ['a text', `throw 'CANARY'`],
    [
      'an event nobody listens to',
      `import('node:events').then(({ EventEmitter }) => new EventEmitter().emit('error', ${ERROR}))`,
    ],
    ['a syntax error', `JSON.parse('{"patient": CANARY}')`],
  ])('ends the process with 3 and shows nothing of what it quotes: %s', async (name, code) => {
    const { exitCode, printed } = await runWith(name, code);
    expect(exitCode).toBe(3);
    expect(printed).toContain('"msg":"crashed"');
    expect(findCanaries(printed)).toEqual([]);
  });

  it('keeps the stack frames', async () => {
    const { printed } = await runWith('place', `throw ${ERROR}`);
    const line = JSON.parse(printed.split('\n').find((each) => each.includes('crashed')) ?? '{}');
    expect(line.err).toMatchObject({ name: 'Error', code: '23505', stack: expect.stringContaining('place.mjs') });
  });

  it('shows only the kind of a library’s warning', async () => {
    const { exitCode, printed } = await runWith(
      'warning',
      `process.emitWarning('CANARY', { detail: 'CANARY', type: 'OddWarning' })`,
    );
    expect(exitCode).toBe(0);
    expect(printed).toContain('"name":"OddWarning"');
    expect(findCanaries(printed)).toEqual([]);
  });
});
