/** `npm run bench -- NAME [OPTIONS]`: one benchmark, one table. Figures are only comparable within one table. */
const BENCHES: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<void> }>>> = {
  ablation: () => import('./ablation.ts'),
  driver: () => import('./driver.ts'),
  'exactly-once': () => import('./exactly-once.ts'),
  header: () => import('./header.ts'),
  held: () => import('./held.ts'),
  late: () => import('./late.ts'),
  latency: () => import('./latency.ts'),
  peers: () => import('./peers.ts'),
  pipeline: () => import('./pipeline.ts'),
  plugin: () => import('./plugin.ts'),
  sinks: () => import('./sinks.ts'),
  stalled: () => import('./stalled.ts'),
  'task-costs': () => import('./task-costs.ts'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = BENCHES[name];
if (load === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')}`);
  process.exit(1);
}
await (await load()).run(args);
process.exit(0);
