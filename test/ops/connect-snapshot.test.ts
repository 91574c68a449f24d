import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createDashboard } from '../../src/ops/dashboard.ts';
import { createHealth } from '../../src/ops/health.ts';
import { startHttpServer } from '../../src/ops/http.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { readVersion } from '../../src/ops/version.ts';

const snapshot = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../fixtures/connect/${name}`, import.meta.url)), 'utf8');
const { input, group, databases, topics, http } = loadConfig('redpanda.yaml', { env: {} });
const outputs = [...databases, topics.state, topics.image, topics.deadLetter];

/** Every series of a text in Prometheus's format, without its value and without what differs from run to run: topics and partitions. */
function seriesOf(text: string): ReadonlySet<string> {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const series = [...text.matchAll(/^([a-z_]+)\{(.*)\} \S+$/gm)].map(([, name = '', labels = '']) => {
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) =>
      label === 'topic' || label === 'partition' ? label : `${label}=${value}`,
    );
    const type = types.get(name) ?? types.get(name.replace(/_(?:sum|count)$/, ''));
    return `${name} ${type} ${pairs.sort().join(' ')}`;
  });
  return new Set(series);
}

async function started() {
  const metrics = createMetrics({ process: false });
  const health = createHealth();
  const counts = metrics.input(input);
  counts.lag('topic', 0, 0);
  counts.latency(1);
  metrics.processor(group).latency(1);
  health.component(input).connected();
  for (const each of outputs) {
    metrics.output(each).latency(1);
    health.component(each).connected();
  }
  const version = readVersion();
  const dashboard = createDashboard({
    nodes: () => [],
    group: input.consumerGroup,
    storageRoots: [],
    componentOf: () => input,
    version,
    metrics,
    health,
  });
  const server = await startHttpServer({ config: { ...http, port: 0 }, version, metrics, health, dashboard });
  return { get: (path: string) => fetch(server.url + path), [Symbol.asyncDispose]: () => server.close() };
}

describe('the endpoints for the shipped redpanda.yaml, beside what a real Redpanda Connect printed for it', () => {
  it('have every series, with the same type, labels and paths', async () => {
    await using service = await started();
    const [theirs, ours] = [seriesOf(snapshot('metrics.txt')), seriesOf(await (await service.get('/metrics')).text())];
    expect(theirs.size).toBeGreaterThan(70);
    expect([...theirs].filter((each) => !ours.has(each))).toEqual([]);
  });

  it('have no other series for its components than those that begin with wado_, and the newer name of the lag', async () => {
    await using service = await started();
    const [theirs, ours] = [seriesOf(snapshot('metrics.txt')), seriesOf(await (await service.get('/metrics')).text())];
    const others = [...ours].filter((each) => !theirs.has(each) && !each.startsWith('wado_'));
    expect(others).toEqual(['redpanda_lag gauge label=storage_queue partition path=root.input topic']);
  });

  it.each(['', '/benthos'])('answer /ready below "%s" with the same statuses and type', async (root) => {
    await using service = await started();
    const answer = await service.get(`${root}/ready`);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toEqual(JSON.parse(snapshot('ready.json')));
  });

  it('are at least the same, by the list at /endpoints', async () => {
    await using service = await started();
    const names = Object.keys((await (await service.get('/endpoints')).json()) as object);
    expect(names).toEqual(expect.arrayContaining(Object.keys(JSON.parse(snapshot('endpoints.json')) as object)));
  });
});
