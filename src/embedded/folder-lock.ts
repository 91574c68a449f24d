import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/** Another process uses the folder. The message names it. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly code = 'folder_in_use';
  readonly pid: number;

  constructor(pid: number) {
    super(`the folder is in use by process ${pid}`);
    this.pid = pid;
  }
}

const LOCK = 'lock';
const RETRY_MS = 100;

/**
 * Locks the folder for this process until `release()` or its end. Waits up to `waitMs` for another owner, then throws FolderInUseError. The
 * lock of a dead process is taken over.
 */
export async function lockFolder(folder: string, waitMs = 0): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, LOCK);
  for (const deadline = performance.now() + waitMs; ; ) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      return { release: () => rm(file, { force: true }) };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''));
    if (!isAlive(owner)) await rm(file, { force: true });
    else if (performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    else throw new FolderInUseError(owner);
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}
