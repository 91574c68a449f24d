import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { expect, it } from 'vitest';
import { HeaderWorker } from '../../src/dicom/files/header-worker.ts';

const REPORTS_ITS_LIMIT = fileURLToPath(new URL('workers/heap-limit-worker.mjs', import.meta.url));
const MIB = 2 ** 20;

it("keeps the small heap of a reader thread when Node's flag enlarges the main thread's young generation", async () => {
  setFlagsFromString('--max-semi-space-size=32');
  const bytes = await new Promise<number>((resolve, reject) => {
    const worker = new HeaderWorker(
      REPORTS_ITS_LIMIT,
      { storageRoots: [], fileTimeoutMs: 1_000 },
      {
        onMessage: (message) => {
          resolve('id' in message ? message.id : Number.NaN);
          worker.endForGood();
        },
        onExit: () => reject(new Error('the thread has ended')),
      },
    );
  });
  // Its old generation may have 128 MiB.
  expect(bytes / MIB).toBeGreaterThan(128);
  expect(bytes / MIB).toBeLessThan(128 + 32);
});
