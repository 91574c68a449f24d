/** Bind mounts for tests, which need root and a container that allows mounting. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether this process may mount. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'can-mount-'));
  try {
    execFileSync('mount', ['--bind', folder, folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A folder that can be mounted at another and unmounted repeatedly. Unmounts when it is disposed. */
export class BindMount {
  readonly #source: string;
  readonly #target: string;
  #mounted = false;

  /** Mounts `source` at `target`; both must exist. */
  constructor(source: string, target: string) {
    this.#source = source;
    this.#target = target;
    this.mount();
  }

  mount(): void {
    execFileSync('mount', ['--bind', this.#source, this.#target]);
    this.#mounted = true;
  }

  /** Lazily, because the service may have files open. */
  unmount(): void {
    execFileSync('umount', ['--lazy', this.#target]);
    this.#mounted = false;
  }

  [Symbol.dispose](): void {
    if (this.#mounted) this.unmount();
  }
}
