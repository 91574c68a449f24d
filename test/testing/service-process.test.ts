import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServiceProcess } from '../../src/testing/service-process.ts';

describe('a service process', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wado-process-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const start = (command: readonly string[]) =>
    startServiceProcess({ config: 'any.yaml', log: join(folder, 'log'), command });

  it('ends by SIGTERM also while it is paused', async () => {
    // As the service, it ends itself at a SIGTERM, which a frozen process can't.
    const program = `process.on('SIGTERM', () => process.exit(7)); setInterval(() => undefined, 60_000); console.log('up')`;
    const service = start([process.execPath, '-e', program]);
    await expect.poll(() => readFileSync(join(folder, 'log'), 'utf8'), { timeout: 20_000 }).toBe('up\n');
    service.pause();
    expect(await service.signal('SIGTERM')).toEqual({ code: 7, signal: null });
  });

  it('has ended with the code -1 where the command does not exist', async () => {
    expect(await start([join(folder, 'missing')]).exited).toEqual({ code: -1, signal: null });
  });
});
