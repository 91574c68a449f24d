import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { kafkaOrigin } from '../../src/kafka/consumer/origin.ts';
import { createDashboard } from '../../src/ops/dashboard.ts';
import { createHealth } from '../../src/ops/health.ts';
import { type AdminServer, startHttpServer } from '../../src/ops/http.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { readVersion } from '../../src/ops/version.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

const INPUT = { label: '', path: 'root.input' };
const POSTGRES = { label: 'postgres', path: 'root.output.reject_errored.broker.outputs.0' };

const open: AdminServer[] = [];

/** As `/ready` names it: without `root.`. */
const inReady = <T extends { readonly path: string }>(component: T) => ({
  ...component,
  path: component.path.replace('root.', ''),
});

const STORAGE_ROOT = { label: '', path: 'root.pipeline.processors.0.group_dicom_state.storage_roots.0' };

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(rootPath = '/benthos') {
  const metrics = createMetrics({ process: false });
  const health = createHealth();
  const version = { version: '1.2.3', built: '2026-01-01T00:00:00.000Z' };
  const dashboard = createDashboard({
    nodes: () => [
      { kind: 'source', name: 'root.input', topics: ['storage_queue'], to: ['group'] },
      { kind: 'processor', name: 'group', to: ['postgres'] },
      { kind: 'sink', name: 'postgres', target: { kind: 'database', name: 'PostgreSQL' }, to: [] },
    ],
    componentOf: (name) => (name === 'postgres' ? POSTGRES : INPUT),
    group: 'dicom-consumer-group',
    storageRoots: [STORAGE_ROOT],
    version,
    metrics,
    health,
  });
  const server = await startHttpServer({
    config: { host: '127.0.0.1', port: 0, rootPath },
    version,
    metrics,
    health,
    dashboard,
  });
  open.push(server);
  return {
    server,
    metrics,
    health,
    dashboard,
    get: (path: string, init?: RequestInit) => fetch(server.url + path, init),
  };
}

describe('the admin server', () => {
  it.each(['', '/benthos'])('answers every endpoint under "%s"', async (prefix) => {
    const { get } = await start();
    expect(await (await get(`${prefix}/ping`)).text()).toBe('pong');
    expect(await (await get(`${prefix}/version`)).json()).toEqual({
      version: '1.2.3',
      built: '2026-01-01T00:00:00.000Z',
    });
    for (const path of ['/metrics', '/stats']) {
      const answer = await get(prefix + path);
      expect(answer.headers.get('content-type')).toContain('version=0.0.4');
      expect(await answer.text()).toContain('wado_records_consumed 0');
    }
    const endpoints = (await (await get(`${prefix}/endpoints`)).json()) as object;
    expect(Object.keys(endpoints).sort()).toEqual(
      ['/', '/dashboard.json', '/endpoints', '/metrics', '/ping', '/ready', '/stats', '/version'].sort(),
    );
    expect(await (await get(`${prefix}/`)).text()).toContain('<!doctype html>');
  });

  it('is ready only while every input and output is connected', async () => {
    const { get, health } = await start();
    const ready = async () => {
      const answer = await get('/ready');
      return { status: answer.status, body: await answer.json() };
    };
    expect(await ready()).toEqual({ status: 503, body: { error: 'starting', statuses: [] } });
    const input = health.component(INPUT);
    const output = health.component(POSTGRES);
    input.connected();
    output.failed('ECONNREFUSED');
    expect(await ready()).toEqual({
      status: 503,
      body: {
        statuses: [
          { ...inReady(INPUT), connected: true },
          { ...inReady(POSTGRES), connected: false, error: 'ECONNREFUSED' },
        ],
      },
    });
    output.connected();
    expect(await ready()).toMatchObject({ status: 200, body: { statuses: [{}, { connected: true }] } });
    health.stopping();
    expect(await ready()).toMatchObject({ status: 503, body: { error: 'stopping' } });
  });

  it('is ready while one of several alternatives is connected, and names the others', async () => {
    const { get, health } = await start();
    const ready = async () => {
      const answer = await get('/ready');
      return { status: answer.status, body: await answer.json() };
    };
    health.component(INPUT).connected();
    const paths = ['storage_roots.0', 'storage_roots.1'];
    const [first, second] = health.alternatives(paths.map((path) => ({ label: '', path })));
    expect((await ready()).status).toBe(503);
    first?.failed('ENOENT');
    second?.connected();
    expect(await ready()).toEqual({
      status: 200,
      body: {
        statuses: [
          { ...inReady(INPUT), connected: true },
          { label: '', path: 'storage_roots.0', connected: false, error: 'ENOENT' },
          { label: '', path: 'storage_roots.1', connected: true },
        ],
      },
    });
    second?.failed('ENOTDIR');
    expect((await ready()).status).toBe(503);
    first?.connected();
    expect((await ready()).status).toBe(200);
    health.component(POSTGRES).failed('ECONNREFUSED');
    expect((await ready()).status).toBe(503);
  });

  it('answers unknown paths with 404 and other methods with 405, as JSON', async () => {
    const { get } = await start();
    for (const path of ['/nothing', '/benthos/nothing', '/benthosping', '/__proto__', '/%00', '//ping']) {
      const answer = await get(path);
      expect([path, answer.status, await answer.json()]).toEqual([path, 404, { error: 'not_found' }]);
    }
    const post = await get('/ping', { method: 'POST', body: 'x'.repeat(100_000) });
    expect([post.status, post.headers.get('allow'), await post.json()]).toEqual([
      405,
      'GET, HEAD',
      { error: 'method_not_allowed' },
    ]);
    const head = await get('/ping', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '4', '']);
    expect(await (await get('/ping?x=1')).text()).toBe('pong');
  });

  it('says with /ready?verbose what is held and what each partition waits for', async () => {
    const { get, metrics } = await start();
    metrics.held.source({
      placeOf: kafkaOrigin,
      progress: () => [
        {
          ...{ topic: 'storage_queue', partition: 3, next: 9, inFlight: 0, waiting: 1, waitingBytes: 1 },
          waitingFor: { storage_outage: 1 },
          oldest: { offset: 7, waitsFor: 'storage_outage' },
        },
      ],
    });
    const plain: Record<string, unknown> = JSON.parse(await (await get('/ready')).text());
    expect(Object.keys(plain)).not.toContain('held');
    expect(await (await get('/ready?verbose')).json()).toMatchObject({
      held: { storage_outage: 1, file_wait: 0, sink_retry: 0, dead_letter_retry: 0 },
      partitions: [{ topic: 'storage_queue', partition: 3, oldestUnacked: 7, waitsFor: 'storage_outage' }],
      paused: null,
    });
    metrics.input(INPUT).paused(() => 'max_waiting_bytes');
    expect(await (await get('/ready?verbose')).json()).toMatchObject({ paused: 'max_waiting_bytes' });
  });

  it('shows the nodes, their counts and the dead letters on the dashboard', async () => {
    const { get, metrics, health, dashboard } = await start();
    health.component(INPUT).connected();
    const since = new Date('2026-01-01T00:00:00Z');
    health.alternatives([STORAGE_ROOT, { label: '', path: 'other' }])[0]?.failed('files_missing', since);
    const input = metrics.input(INPUT);
    input.received(50);
    input.lag('storage_queue', 0, 3);
    input.lag('storage_queue', 1, 4);
    metrics.output(POSTGRES).sent(48);
    const poison = [new MemoryOrigin(), new MemoryOrigin()];
    for (const origin of poison) metrics.records.deadLetter(origin, 'not_json');
    metrics.records.acked(poison);
    dashboard.totals({ studies: 7 });
    expect(await (await get('/dashboard.json')).json()).toMatchObject({
      version: '1.2.3',
      ready: false,
      storageRoots: [{ ...STORAGE_ROOT, connected: false, error: 'files_missing', since: '2026-01-01T00:00:00.000Z' }],
      input: { ...INPUT, connected: true, count: 50, lag: 7, topics: ['storage_queue'], group: 'dicom-consumer-group' },
      outputs: [{ ...POSTGRES, connected: false, count: 48, kind: 'database', target: 'PostgreSQL' }],
      stages: [['root.input'], ['group'], ['postgres']],
      records: { deadLettered: 2 },
      deadLetters: { not_json: 2 },
      totals: { studies: 7 },
    });
  });

  it('serves a page that loads nothing from elsewhere', async () => {
    const { get } = await start();
    const page = await (await get('/')).text();
    expect(page).not.toMatch(/(?:src|href)="(?!data:)|https?:|@import|url\(/);
  });

  it('closes while a client keeps its connection open', async () => {
    const { server } = await start();
    const socket = connect(server.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('GET /ping HTTP/1.1\r\nHost: x\r\n');
    socket.on('error', () => undefined);
    const begun = performance.now();
    await server.close();
    expect(performance.now() - begun).toBeLessThan(2_000);
    await expect(fetch(`${server.url}/ping`)).rejects.toThrow();
  });

  it('rejects with EADDRINUSE when its port is in use', async () => {
    const { server, metrics, health, dashboard } = await start();
    const config = { host: '127.0.0.1', port: server.port, rootPath: '' };
    await expect(startHttpServer({ config, version: readVersion(), metrics, health, dashboard })).rejects.toMatchObject(
      { code: 'EADDRINUSE' },
    );
  });
});

describe('the version', () => {
  it('is that of package.json', () => {
    expect(readVersion().version).toMatch(/^\d+\.\d+\.\d+/);
  });
});
