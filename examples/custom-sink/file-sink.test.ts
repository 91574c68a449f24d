import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { describeSinkContract } from 'wado-consumer/testing/vitest';
import { createFileSink, readTables } from './file-sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'file-sink-'));
const file = join(folder, 'tables.json');
afterAll(() => rmSync(folder, { recursive: true }));

describeSinkContract('the file sink', {
  empty: async () => rmSync(file, { force: true }),
  create: async () => createFileSink(file),
  read: async (table) => Object.values(readTables(file)[table]).map(({ columns }) => columns),
  without: {
    refusals: 'a file has no columns of limited length',
    network: 'a file has no server',
    server: 'a file has no server',
  },
});
