import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ServiceProcess, startServiceProcess } from '../../src/testing/service-process.ts';
import { until } from '../../src/testing/until.ts';

/** Listens and logs as the service does. `/ready` is 200 from the second request on. */
const PROGRAM = `
  let asked = 0;
  const server = require('node:http').createServer(({ url }, answer) => {
    if (url === '/metrics') return answer.end('# TYPE a gauge\\na{x="1"} 2\\na{x="2"} 3\\nb_total 1.5\\n');
    if (++asked > 1) return answer.end(JSON.stringify({ statuses: [{ connected: true }] }));
    answer.writeHead(503).end(JSON.stringify({ statuses: [{ error: 'ENOENT' }, { connected: true }, { error: '57P03' }] }));
  });
  console.log('no JSON');
  console.log(JSON.stringify({ msg: 'starting' }));
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ msg: 'started', url: 'http://127.0.0.1:' + server.address().port }));
  });`;

describe('the state of a service process', () => {
  let folder: string;
  let service: ServiceProcess;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wado-state-'));
  });
  afterEach(async () => {
    await service.signal('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  const start = (program: string) => {
    const command = [process.execPath, '-e', program];
    service = startServiceProcess({ config: 'any.yaml', log: join(folder, 'log'), command });
    return service;
  };

  it('is read from its own part of the log, and from its endpoints once it listens', async () => {
    appendFileSync(join(folder, 'log'), '{"msg":"started","url":"http://127.0.0.1:1"}\n');
    start(PROGRAM);
    await until('it listens', () => service.url() !== undefined);
    expect(service.url()).not.toContain(':1/');
    expect(service.logLines().map(({ msg }) => msg)).toEqual(['starting', 'started']);
    expect(await service.metrics()).toEqual(
      new Map([
        ['a', 5],
        ['b_total', 1.5],
      ]),
    );
    expect(await service.problems()).toEqual(['ENOENT', '57P03']);
    expect(await service.ready()).toBe(true);
    expect(await service.problems()).toEqual([]);
  });

  it('is not known while nothing listens or answers any more', async () => {
    start('setInterval(() => undefined, 60_000)');
    const unknown = async () => [await service.ready(), await service.problems(), await service.metrics()];
    expect(service.url()).toBeUndefined();
    expect(await unknown()).toEqual([false, undefined, undefined]);
    await service.signal('SIGKILL');
    start(PROGRAM);
    await until('it listens', () => service.url() !== undefined);
    await service.signal('SIGKILL');
    expect(await unknown()).toEqual([false, undefined, undefined]);
  });

  it('is not ready while /ready says so', async () => {
    start(PROGRAM);
    await until('it listens', () => service.url() !== undefined);
    expect(await service.ready()).toBe(false);
    expect(await service.ready()).toBe(true);
  });
});

describe('until', () => {
  it('waits while the condition is false or throws', async () => {
    let calls = 0;
    await until('the third call', () => {
      if (++calls === 1) throw new Error('not yet');
      return calls === 3;
    });
    expect(calls).toBe(3);
  });

  it('rejects after its time with what it waited for, and with the last error as the cause', async () => {
    const bug = new Error('a bug');
    await expect(until('a miracle', () => false, 10)).rejects.toMatchObject({
      message: 'not within 10 ms: a miracle',
      cause: undefined,
    });
    await expect(until('a miracle', () => Promise.reject(bug), 10)).rejects.toMatchObject({ cause: bug });
  });
});
