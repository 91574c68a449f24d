// Measures the main thread's CPU time per turn of the event loop while the built pool reads the fixtures. Exit code 1 if a turn takes
// 10 ms or more. CPU time is used because other load on the machine doesn't change it; the kernel accounts it in ticks of 1 to 4 ms.
//
//   node bench/header-turns.mjs        (Linux; needs a build)
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHeaderPool } from '../dist/src/dicom/files/pool.js';

const PASSES = 80;
const root = join(import.meta.dirname, '../test/fixtures/dicom');
const folder = join(root, 'files');
const names = readdirSync(folder);
const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
const batch = names.map((name, at) => ({
  tenantId: `tenant${at}`,
  path: join(folder, name),
  size: 1,
  patientId: 'P',
  studyDate: '2025-01-01',
  version,
}));

const pool = createHeaderPool({ storageRoots: [root], workers: 2, readTimeoutMs: 60_000 });
await pool.read([]);
const cpuMs = () => Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6;
const turns = [];
let reading = true;
let last = cpuMs();
const watch = () => {
  const now = cpuMs();
  turns.push(now - last);
  last = now;
  if (reading) setImmediate(watch);
};
setImmediate(watch);
let left = PASSES;
const readBatches = async () => {
  while (left-- > 0) await pool.read(batch);
};
await Promise.all(Array.from({ length: 8 }, readBatches));
reading = false;
await pool.close();

turns.sort((a, b) => b - a);
const [longest = 0] = turns;
const p99 = turns[Math.floor(turns.length / 100)] ?? 0;
console.log(
  `${names.length} fixtures, ${PASSES} times: ${turns.length} turns, p99 ${p99.toFixed(2)} ms, longest ${longest.toFixed(2)} ms`,
);
process.exitCode = longest < 10 ? 0 : 1;
