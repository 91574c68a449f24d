import { setTimeout as sleep } from 'node:timers/promises';
import { endHeaderThreads } from '../dicom/files/header-worker.ts';
import { pendingNativeCalls } from '../kafka/client/native-calls.ts';
import type { ExitCode } from './cli-error.ts';

const POLL_MS = 10;
/** Threads that hang in nothing are gone within some milliseconds. */
const THREADS_END_WITHIN_MS = 2_000;

/**
 * Ends the process within `graceMs`, by `code` if it can. `process.exit()` waits for native calls that wait for a broker, which may take
 * longer than anybody who asked for the end will wait: then by SIGKILL, as they would do. Returns without having done anything when no
 * such call is left.
 */
export async function endDespiteNativeCalls(code: ExitCode, message: string, graceMs: number): Promise<void> {
  const deadline = performance.now() + graceMs;
  for (let calls = pendingNativeCalls(); calls.length > 0; calls = pendingNativeCalls()) {
    if (performance.now() >= deadline) return killed(code, `${message} (waited for: ${calls.join(', ')})`);
    await sleep(POLL_MS);
  }
}

/**
 * Ends the process with this code. Where the storage hangs, a thread hangs in it, and `process.exit()` would wait for that thread: then by
 * SIGKILL. What had to be committed or written must have been by now.
 */
export async function endProcess(code: ExitCode): Promise<void> {
  if (await endHeaderThreads(THREADS_END_WITHIN_MS)) process.exit(code);
  killed(code, 'a thread hangs in the storage: ended by SIGKILL');
}

/** As the first process of a container, we can't kill ourselves: whoever stops the container does. */
function killed(code: ExitCode, message: string): void {
  process.stderr.write(`wado-consumer: ${message}\n`);
  process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
