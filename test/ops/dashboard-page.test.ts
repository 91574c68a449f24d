import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DashboardSnapshot } from '../../src/ops/dashboard.ts';
import { DASHBOARD_PAGE } from '../../src/ops/dashboard-page.ts';

/** As much of an element as the page's script uses. */
class FakeElement {
  className = '';
  textContent = '';
  children: unknown[] = [];
  get firstChild(): unknown {
    return this.children[0];
  }
  append(...children: unknown[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: unknown[]): void {
    this.children = children;
  }
  setAttribute(): void {}
}

const script = /<script>([\s\S]*)<\/script>/.exec(DASHBOARD_PAGE)?.[1] ?? '';
let elements: Map<string, FakeElement>;
let acked: number;
let paused: string | null = null;
let now: number;
let next: () => unknown;

/** Opens the page; `poll` lets it fetch the next snapshot a second later. */
async function open(): Promise<void> {
  elements = new Map();
  acked = 0;
  now = 50_000;
  runInNewContext(script, {
    document: {
      getElementById: (id: string) => elements.get(id) ?? elements.set(id, new FakeElement()).get(id),
      createElement: () => new FakeElement(),
    },
    fetch: async () => ({ json: async () => snapshot() }),
    setTimeout: (callback: () => unknown) => {
      next = callback;
    },
    performance: { now: () => now },
    AbortSignal: { timeout: () => undefined },
  });
  await settle();
}

async function poll(records: number): Promise<void> {
  now += 1_000;
  acked += records;
  next();
  await settle();
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

function snapshot(): DashboardSnapshot {
  const node = { label: '', path: 'root.input', connected: true, count: acked, errors: 0 };
  return {
    version: '1.2.3',
    uptimeSeconds: 5,
    ready: true,
    input: { ...node, topics: ['t'], group: 'g', lag: 0 },
    outputs: [
      { ...node, name: 'db', label: 'db', kind: 'database', target: 'PostgreSQL' },
      { ...node, name: 'out', label: 'out', kind: 'topic', target: 'out_topic' },
    ],
    stages: [['in'], ['parse'], ['group'], ['db'], ['commit_together'], ['out']],
    storageRoots: [],
    held: {},
    partitions: [],
    paused,
    records: { consumed: acked, acked, deadLettered: 0, released: 0, inFlight: 0, waiting: 0 },
    deadLetters: {},
    totals: {},
  };
}

/** The texts of an element and of those in it, in the order of the page. */
function textsOf(node: unknown): readonly string[] {
  if (!(node instanceof FakeElement)) return [String(node)];
  return [...(node.textContent === '' ? [] : [node.textContent]), ...node.children.flatMap(textsOf)];
}

const peak = () => elements.get('peak')?.textContent ?? '';

describe('the peak on the dashboard', () => {
  beforeEach(open);

  it('is not shown before the page has measured a rate', () => {
    expect(elements.get('state')?.textContent).toBe('ready');
    expect(peak()).toBe('');
  });

  it('covers only the time that the page has watched', async () => {
    await poll(20);
    expect(peak()).toBe('peak 20/s in the last 1 s');
    for (let i = 0; i < 9; i++) await poll(0);
    expect(peak()).toBe('peak 20/s in the last 10 s');
  });

  it('is 0 if nothing was processed, not the 1 that scales the line', async () => {
    await poll(0);
    expect(peak()).toBe('peak 0/s in the last 1 s');
  });

  it('ignores rates older than two minutes', async () => {
    await poll(500);
    for (let i = 0; i < 200; i++) await poll(4);
    expect(peak()).toBe('peak 4/s in the last 2 minutes');
  });
});

describe('the topology on the dashboard', () => {
  it('shows the stages of the graph that runs in their order, with processors that follow each other on one card', async () => {
    await open();
    const columns = elements.get('topology')?.children.map(textsOf) ?? [];
    expect(columns.filter(([first]) => first !== '→').map((texts) => texts.slice(0, 2))).toEqual([
      ['t', 'group · g'],
      ['parse', 'group'],
      ['db', 'database · PostgreSQL'],
      ['commit_together'],
      ['out', 'topic · out_topic'],
    ]);
  });
});

describe('a paused intake on the dashboard', () => {
  it('is named with the limit that pauses it, and only while it lasts', async () => {
    paused = 'max_waiting';
    await open();
    expect(elements.get('paused')?.textContent).toBe('consumption is paused: max_waiting is reached');
    paused = null;
    await open();
    expect(elements.get('paused')?.textContent).toBe('');
  });
});
