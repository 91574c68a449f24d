import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Compiles delay.c into `folder` for LD_PRELOAD; undefined without a C compiler. */
export function delayLibrary(folder: string): string | undefined {
  const library = join(folder, 'delay.so');
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, 'bench/header-peers/delay.c', '-ldl'], {
      stdio: 'ignore',
    });
    return library;
  } catch {
    return undefined;
  }
}
