import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createDashboard } from '../../src/ops/dashboard.ts';
import { createHealth } from '../../src/ops/health.ts';
import { type AdminServer, startHttpServer } from '../../src/ops/http.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { type Service, startService } from '../../src/runtime/service.ts';
import { findCanaries } from './canary.ts';

const PATHS = ['/', '/dashboard.json', '/endpoints', '/metrics', '/ping', '/ready', '/stats', '/version'];
const CHANGING = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'MKCOL', 'LOCK'];

describe('the admin endpoints of the shipped configuration', () => {
  const env = { POSTGRES_DSN: 'postgres://nobody@127.0.0.1:1/none' };

  it('listen on loopback unless told otherwise', () => {
    expect(loadConfig('redpanda.yaml', { env }).http).toMatchObject({ enabled: true, host: '127.0.0.1', port: 4195 });
    const told = loadConfig('redpanda.yaml', { env: { ...env, HTTP_ADDRESS: '0.0.0.0:4195' } });
    expect(told.http.host).toBe('0.0.0.0');
  });
});

describe('the admin endpoints', () => {
  let server: AdminServer;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    const metrics = createMetrics();
    const health = createHealth();
    const version = { version: '1.2.3', built: '2026-01-01T00:00:00.000Z' };
    const dashboard = createDashboard({
      nodes: () => [{ kind: 'source', name: 'root.input', topics: ['in'], to: [] }],
      componentOf: (name) => ({ label: '', path: name }),
      group: 'group',
      storageRoots: [],
      version,
      metrics,
      health,
    });
    const config = { host: '127.0.0.1', port: 0, rootPath: '/benthos' };
    server = await startHttpServer({ config, version, metrics, health, dashboard });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  afterAll(() => server.close());

  /** Sends bytes as they are; resolves with the answer when the server has closed the connection. */
  function raw(bytes: string, { keep = false } = {}): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(server.port, '127.0.0.1');
      sockets.push(socket);
      let answer = '';
      socket.on('data', (data) => {
        answer += data.toString('latin1');
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answer));
      socket.write(bytes);
      if (!keep) socket.end();
    });
  }

  it('are all listed, and change nothing: an endpoint that changes something must require a token', async () => {
    const listed = (await (await fetch(`${server.url}/endpoints`)).json()) as object;
    expect(Object.keys(listed).sort()).toEqual(PATHS);
    for (const path of PATHS) {
      for (const method of CHANGING) {
        const answer = await fetch(server.url + path, { method });
        expect([method, path, answer.status, answer.headers.get('allow')]).toEqual([method, path, 405, 'GET, HEAD']);
      }
    }
  });

  it('grant no access to pages of other sites', async () => {
    for (const path of PATHS) {
      const { headers } = await fetch(server.url + path, { headers: { origin: 'https://example.com' } });
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect([headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual(['nosniff', 'no-store']);
    }
  });

  it('repeat nothing of what a client sends', async () => {
    const answers = await Promise.all([
      raw('GET /CANARY?CANARY=CANARY HTTP/1.1\r\nHost: CANARY\r\nConnection: close\r\nX: CANARY\r\n\r\n'),
      raw('CANARY /CANARY HTTP/1.1\r\nHost: CANARY\r\n\r\n'),
      raw('GET /CANARY HTTP/9.9\r\nHost: CANARY\r\n\r\n'),
      raw('TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: CANARY\r\n\r\n'),
      raw('CONNECT CANARY:443 HTTP/1.1\r\nHost: CANARY\r\n\r\n'),
      raw('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: CANARY\r\n\r\n'),
      raw('POST /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nCANARY'),
      raw('GET http://CANARY/CANARY HTTP/1.1\r\nHost: CANARY\r\nConnection: close\r\n\r\n'),
      raw('CANARY\r\n\r\n'),
    ]);
    expect(findCanaries(answers.join('\n'))).toEqual([]);
  });

  it('refuse endless headers, and continue', async () => {
    expect(await raw(`GET /ping HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(64 * 1024)}\r\n\r\n`, { keep: true })).toContain(
      '431',
    );
    expect(await raw(`GET /${'y'.repeat(64 * 1024)} HTTP/1.1\r\n\r\n`, { keep: true })).toMatch(
      /^HTTP\/1\.1 4(31|14)|^$/,
    );
    expect(await (await fetch(`${server.url}/ping`)).text()).toBe('pong');
  });

  it('disconnect clients that never finish a request within seconds', { timeout: 30_000 }, async () => {
    const begun = performance.now();
    await Promise.all([
      raw('', { keep: true }),
      raw('GET /ping HTTP/1.1\r\nHost: x\r\nX-Slow: ', { keep: true }),
      raw('POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx', { keep: true }),
      raw('GET /ping HTTP/1.1\r\nHost: x\r\n\r\n', { keep: true }),
    ]);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  it('answer again within seconds when slow clients use all connections', { timeout: 40_000 }, async () => {
    for (let n = 0; n < 300; n++) void raw('GET /ping HTTP/1.1\r\nX-Slow: ', { keep: true });
    const begun = performance.now();
    const answered = async (): Promise<boolean> => {
      try {
        return (await fetch(`${server.url}/ping`, { signal: AbortSignal.timeout(1_000) })).ok;
      } catch {
        return false;
      }
    };
    while (!(await answered())) expect(performance.now() - begun).toBeLessThan(20_000);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });
});

describe('the admin endpoints of a service whose servers do not respond', () => {
  let tarpit: Server;
  let service: Service;
  const held = new Set<Socket>();

  beforeAll(async () => {
    // Takes every connection and everything that is sent, and never says a word.
    tarpit = createServer((socket) => {
      held.add(socket);
      socket.on('error', () => undefined).resume();
    });
    await new Promise<void>((resolve) => tarpit.listen(0, '127.0.0.1', resolve));
    const address = tarpit.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const config = loadConfig('redpanda.yaml', {
      env: {
        KAFKA_BROKERS: `127.0.0.1:${port}`,
        POSTGRES_DSN: `postgres://nobody:CANARY@127.0.0.1:${port}/none`,
        HTTP_ADDRESS: '127.0.0.1:0',
      },
      sets: ['shutdown_timeout=100ms'],
    });
    service = await startService(config, { logger: createLogger({ level: 'silent' }) });
  });
  afterAll(async () => {
    await service.stop();
    for (const socket of held) socket.destroy();
    tarpit.close();
  });

  it('answer within a tenth of a second', { timeout: 20_000 }, async () => {
    while (held.size < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const path of PATHS) {
      const times: number[] = [];
      for (let n = 0; n < 10; n++) {
        const begun = performance.now();
        const answer = await fetch(service.url + path);
        const body = await answer.text();
        times.push(performance.now() - begun);
        expect(answer.status).toBe(path === '/ready' ? 503 : 200);
        expect(findCanaries(body)).toEqual([]);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      // Half of them, so that a busy machine doesn't count; one that waits for a server would wait every time.
      expect(times.sort((a, b) => a - b)[4], path).toBeLessThan(100);
    }
  });
});
