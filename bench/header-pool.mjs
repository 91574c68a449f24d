// Measures the built pool, for bench/header.ts: header-pool.mjs ROOT LIST ROUNDS prints per round
// "files/s CPU-µs RSS-MB stall-p99-ms stall-max-ms".
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const [root, list, rounds] = process.argv.slice(2);
const { createHeaderPool } = await import('../dist/src/dicom/files/pool.js');
const all = JSON.parse(readFileSync(list, 'utf8')).slice(0, Number(process.env.FILES ?? 1e9));
// Interleaves the series, as a store that several devices write to.
const paths = all.map((_, at) => all[(at * 7919) % all.length]);
const pool = createHeaderPool({
  storageRoots: [root],
  workers: 2,
  readTimeoutMs: 60_000,
  concurrentReads: process.env.READ_IN_PLACE !== '1',
});
const batches = [];
for (let at = 0; at < paths.length; at += 50) {
  batches.push(
    paths.slice(at, at + 50).map((path, index) => ({
      tenantId: `tenant${index}`,
      path,
      size: 1,
      patientId: 'P',
      studyDate: '2025-01-01',
      version: { time: '2025-01-01T00:00:00.000000', traceId: String(at + index) },
    })),
  );
}
await pool.read([]);
const delay = monitorEventLoopDelay({ resolution: 1 });
for (let round = 0; round < Number(rounds); round++) {
  delay.reset();
  delay.enable();
  const cpu = process.cpuUsage();
  const start = performance.now();
  let next = 0;
  const readBatches = async () => {
    while (next < batches.length) await pool.read(batches[next++]);
  };
  await Promise.all(Array.from({ length: 8 }, readBatches));
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  const figures = [
    Math.round((paths.length / milliseconds) * 1000),
    ((user + system) / paths.length).toFixed(1),
    Math.round(process.memoryUsage.rss() / 1e6),
    (delay.percentile(99) / 1e6).toFixed(1),
    (delay.max / 1e6).toFixed(1),
  ];
  console.log(figures.join(' '));
}
await pool.close();
