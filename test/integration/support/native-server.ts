import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { KillableServer } from '../../../src/testing/sink-contract.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/services.sh', import.meta.url));

/**
 * The server behind `dsn` if `scripts/services.sh` started it, so that a test may kill it; undefined for a container or another server.
 */
export async function nativeServer(
  name: 'postgres' | 'mariadb' | 'mysql',
  dsn: string,
): Promise<KillableServer | undefined> {
  const call = (...args: string[]) => promisify(execFile)(SCRIPT, args);
  const { stdout } = await call('status').catch(({ stdout }: { stdout: string }) => ({ stdout }));
  const isOurs = stdout.split('\n').some((line) => line.startsWith(`${name} running`) && line.endsWith(`=${dsn}`));
  if (!isOurs) return undefined;
  return {
    kill: async () => void (await call('kill', name)),
    start: async () => void (await call('start', name)),
  };
}
