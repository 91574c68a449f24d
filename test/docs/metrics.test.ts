import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/ops/metrics.ts';

const markdown = readFileSync(fileURLToPath(new URL('../../docs/operating.md', import.meta.url)), 'utf8');
const section = markdown.split('\n## Metrics\n')[1]?.split('\n## ')[0] ?? '';
const [tables = '', alerts = ''] = section.split('\nRecommended alerts');

/** `name{label,…}` of each metric in the first column of the tables; `…` and no braces at all leave the labels to the text. */
const documented = tables
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([a-z_]+\*?)(?:\{([^}]*)\})?`/g)])
  .map(([, name = '', labels]) => ({ name, labels }));

/** Every metric of the service with its own labels. Those of the process are prom-client's: documented by their prefix. */
const registered = new Map(
  createMetrics()
    .registry.getMetricsAsArray()
    .map((metric) => [metric.name, labelsOf(metric)] as const),
);

function labelsOf(metric: object): readonly string[] {
  const names = 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];
  return names.map(String);
}

const matches = (pattern: string, name: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

describe('the tables of metrics in docs/operating.md', () => {
  it('have every metric that the service registers', () => {
    const missing = [...registered.keys()].filter((name) => !documented.some((each) => matches(each.name, name)));
    expect(missing).toEqual([]);
  });

  it('have no metric that the service does not register', () => {
    const gone = documented.filter(({ name }) => ![...registered.keys()].some((each) => matches(name, each)));
    expect(gone).toEqual([]);
    expect(documented.length).toBeGreaterThan(20);
  });

  it('use a prefix only for the metrics of the process', () => {
    const prefixes = documented.map(({ name }) => name).filter((name) => name.endsWith('*'));
    expect(prefixes).toEqual(['process_*', 'nodejs_*']);
  });

  it('name the labels that a metric has beside those of its component', () => {
    const own = (labels: readonly string[]) => labels.filter((label) => label !== 'label' && label !== 'path').sort();
    const wrong = documented.filter(({ name, labels = '' }) => {
      if (name.endsWith('*') || labels === '…') return false;
      return own(labels.split(',').filter(Boolean)).join() !== own(registered.get(name) ?? []).join();
    });
    expect(wrong).toEqual([]);
  });
});

describe('the recommended alerts', () => {
  it('ask for metrics that the service registers', () => {
    const asked = [...alerts.matchAll(/`([^`]+)`/g)]
      .flatMap(([, expression = '']) => expression.replace(/\{.*?\}/g, '').match(/\b[a-z]+_[a-z_0-9]+\b/g) ?? [])
      .filter((name) => !registered.has(name));
    expect(asked).toEqual([]);
    expect(alerts).toContain('redpanda_lag');
  });

  it('combine only sums: Prometheus matches no sum with a series that has labels', () => {
    const combined = [...alerts.matchAll(/`([^`]+)`/g)]
      .map(([, expression = '']) => expression.split(/ and | \+ /))
      .filter((operands) => operands.length > 1);
    expect(combined.length).toBeGreaterThan(0);
    expect(combined.flat().filter((operand) => !/^(?:deriv\()?sum\(/.test(operand))).toEqual([]);
  });
});
