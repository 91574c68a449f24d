import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GeneratedStudy, generateStudies, type Stack, startStack } from '../../src/testing/index.ts';

describe('an embedded stack', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ broker: 'embedded', database: 'pglite' });
  });
  // Undefined if it did not start.
  afterAll(() => stack?.[Symbol.asyncDispose]());

  /** Other studies at each call, so that tests can share the tables. */
  let seed = 0;
  function studies(count: number, poisonEvery = 0): readonly GeneratedStudy[] {
    const all = generateStudies({ seed: ++seed, store: stack.store, tenantId: 't', origin: 'TEST', poisonEvery });
    return Array.from({ length: count }, () => all.next().value);
  }

  /** The stored and the generated instances of these studies. */
  async function instances(of: readonly GeneratedStudy[]): Promise<{ stored: number; generated: number }> {
    const uids = new Set<unknown>(of.map(({ studyInstanceUid }) => studyInstanceUid));
    const rows = await stack.rows('image');
    return {
      stored: rows.filter(({ study_uid }) => uids.has(study_uid)).length,
      generated: of.reduce((sum, each) => sum + each.instances, 0),
    };
  }

  async function expectAllStored(of: readonly GeneratedStudy[]): Promise<void> {
    await stack.untilCommitted(60_000);
    const { stored, generated } = await instances(of);
    expect(stored).toBe(generated);
  }

  it('stores and publishes what is published to its input, and keeps the rest as dead letters', async () => {
    const all = studies(4, 4);
    await stack.publish(...all);
    await expectAllStored(all);
    expect(await stack.read('image')).toHaveLength((await instances(all)).generated);
    expect(await stack.read('deadLetter')).toHaveLength(1);
  });

  it('loses nothing when the database is killed, which comes back at the same port', async () => {
    const all = studies(6);
    const { dsn } = stack;
    await stack.publish(...all.slice(0, 3));
    await stack.kill('database');
    await stack.publish(...all.slice(3));
    await expect(stack.rows('image')).rejects.toThrow();
    await stack.restart('database');
    await expectAllStored(all);
    expect(stack.dsn).toBe(dsn);
  });

  it('refuses connections while the broker is stopped, and continues at the same port', async () => {
    const all = studies(4);
    const { brokers } = stack;
    await stack.publish(...all.slice(0, 2));
    await stack.stop('broker');
    expect(await accepts(brokers)).toBe(false);
    await stack.publish(...all.slice(2));
    await stack.restart('broker');
    expect(await accepts(brokers)).toBe(true);
    await expectAllStored(all);
    expect(stack.brokers).toBe(brokers);
  });

  it.each(['broker', 'database', 'service'] as const)('commits nothing while the %s is paused', async (part) => {
    await stack.untilCommitted();
    const before = await stack.committed();
    const all = studies(2);
    await stack.pause(part);
    await stack.publish(...all);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await stack.committed()).toBe(before);
    await stack.resume(part);
    await expectAllStored(all);
  });

  it.each(['broker', 'database'] as const)('survives a slow, cut and silent line to the %s', async (line) => {
    const all = studies(3);
    stack.delay(line, 20);
    await stack.publish(...all.slice(0, 1));
    stack.cut(line);
    await stack.publish(...all.slice(1, 2));
    stack.blackhole(line);
    await stack.publish(...all.slice(2));
    stack.blackhole(line, false);
    stack.delay(line, 0);
    await expectAllStored(all);
  });

  it('waits for late files', async () => {
    const all = studies(2);
    const deadLetters = async () => (await stack.read('deadLetter')).length;
    const before = await deadLetters();
    const arrive = await stack.lateFiles(...all);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await instances(all)).stored).toBe(0);
    await arrive();
    await expectAllStored(all);
    expect(await deadLetters()).toBe(before);
  });

  it('says what a wait was for, with the end of the service’s log', async () => {
    const waited = stack.until('pigs fly', () => false, 100);
    await expect(waited).rejects.toThrow(/^not within 100 ms: pigs fly\n[\s\S]*"msg":"batch acknowledged"/);
  });

  it('stops a paused service, and loses nothing when its silent database is killed', async () => {
    const all = studies(2);
    await stack.pause('service');
    await stack.stop('service');
    await stack.restart('service');
    stack.blackhole('database');
    await stack.kill('database');
    await stack.publish(...all);
    stack.blackhole('database', false);
    await stack.restart('database');
    await expectAllStored(all);
  });

  it('continues where a killed service ended', async () => {
    const all = studies(3);
    await stack.kill('service');
    await stack.publish(...all);
    await stack.restart('service');
    await expectAllStored(all);
  });

  it('has nothing of earlier tests after a reset, which also ends all faults', async () => {
    await stack.kill('database');
    stack.blackhole('broker');
    await stack.reset();
    expect(await stack.rows('object')).toEqual([]);
    expect(await stack.read('input')).toEqual([]);
    expect(await stack.committed()).toBe(0);
    const all = studies(1);
    await stack.publish(...all);
    await expectAllStored(all);
  });
});

describe('a stack whose test process is killed', () => {
  it('leaves no process and no folder behind', async () => {
    const script = fileURLToPath(new URL('./stack-until-killed.mjs', import.meta.url));
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line]: Buffer[] = await once(child.stdout, 'data');
    const { pids, folders } = JSON.parse(String(line)) as { readonly pids: number[]; readonly folders: string[] };
    expect(pids).toHaveLength(2);
    expect(pids.every(isAlive)).toBe(true);
    child.kill('SIGKILL');
    await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([]);
    await expect.poll(() => folders.filter((each) => existsSync(each)), { timeout: 20_000 }).toEqual([]);
  });
});

describe('a stack whose service does not start', () => {
  it('keeps no process running, not even that of the test, and leaves no folder behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wado-failed-'));
    const script = fileURLToPath(new URL('./stack-that-fails.mjs', import.meta.url));
    const env = { ...process.env, TMPDIR: folder };
    const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const exited = once(child, 'exit');
      expect(await text(child.stdout)).toMatch(/^the service exited during its start\n[\s\S]*nonsense/);
      expect(await exited).toEqual([0, null]);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function accepts(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
