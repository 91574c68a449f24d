// Reads the paths of a list through the built pool, so that a tracer can look at the process: read-paths.mjs ROOT LIST.json
import { readFileSync } from 'node:fs';
import { createHeaderPool } from '../../dist/src/dicom/files/pool.js';

const [root, list] = process.argv.slice(2);
const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
const files = JSON.parse(readFileSync(list, 'utf8')).map((path, n) => ({
  tenantId: `t${n}`,
  path,
  size: 1,
  patientId: 'P',
  studyDate: '2025-01-01',
  version,
}));
const pool = createHeaderPool({ storageRoots: [root], workers: 1, readTimeoutMs: 20_000 });
// In place first; the second batch finds what the first one kept open.
const batches = [await pool.read(files), await pool.read(files)];
await pool.close();
process.stdout.write(JSON.stringify(batches.map(({ states, failures }) => [states.length, failures.length])));
