import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/**
 * Containers are started by the first test file that asks and used by all others of the same run: each file runs in a process of its
 * own, so what was started is written down in a folder of the run. `openRun` and its result are vitest's global setup and teardown.
 */
const variable = 'WADO_TEST_RUN';
const label = 'wado-consumer.test-run';

export interface Started {
  address: string | null;
  how: string;
}

/** Opens a run. The function that comes back ends it: it removes the run's containers, whichever process started them. */
export async function openRun(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'wado-test-'));
  process.env[variable] = folder;
  return async () => {
    removeContainers(basename(folder));
    await rm(folder, { recursive: true, force: true });
  };
}

/** What `start` came to, asked once a run. `start` gets the labels its container must carry to be removed at the end. */
export async function shared(
  name: string,
  start: (labels: Record<string, string>) => Promise<Started>,
): Promise<Started> {
  const folder = process.env[variable];
  if (folder === undefined) return { address: null, how: 'no test run is open: use the integration project of vitest' };
  const file = join(folder, `${name}.json`);
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    const started = await start({ [label]: basename(folder) });
    await writeFile(file, JSON.stringify(started));
    return started;
  }
}

function removeContainers(run: string): void {
  const ids = docker('ps', '-aq', '--filter', `label=${label}=${run}`).split('\n').filter(Boolean);
  if (ids.length > 0) docker('rm', '-fv', ...ids);
}

/** Docker's own client, or nothing where there is none: then there are no containers either. */
function docker(...args: string[]): string {
  try {
    return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
