import { setTimeout as sleep } from 'node:timers/promises';
import { endHeaderThreads } from '../dicom/files/header-worker.ts';
import { pendingRootProbes } from '../dicom/files/storage-root-watch.ts';
import { pendingNativeCalls } from '../kafka/client/native-calls.ts';
import type { ExitCode } from './cli-error.ts';

const POLL_MS = 10;
/** A thread that isn't blocked ends within milliseconds, and storage that answers answers a check of a root within this time. */
const STORAGE_ENDS_WITHIN_MS = 2_000;

/**
 * Waits up to `graceMs` for pending native calls and returns when none is left. If one is, ends the process with SIGKILL: `process.exit()`
 * would wait for calls that wait for a broker, possibly longer than the supervisor does.
 */
export async function endDespiteNativeCalls(code: ExitCode, message: string, graceMs: number): Promise<void> {
  const deadline = performance.now() + graceMs;
  for (let calls = pendingNativeCalls(); calls.length > 0; calls = pendingNativeCalls()) {
    if (performance.now() >= deadline) return killed(code, `${message} (pending: ${calls.join(', ')})`);
    await sleep(POLL_MS);
  }
}

/**
 * Ends the process with this code, or with SIGKILL if a thread is blocked in the storage: `process.exit()` would wait for it.
 * Everything must be committed and written before.
 */
export async function endProcess(code: ExitCode): Promise<void> {
  const deadline = performance.now() + STORAGE_ENDS_WITHIN_MS;
  const threadsEnded = await endHeaderThreads(STORAGE_ENDS_WITHIN_MS);
  // A check of a root may have begun just before.
  while (pendingRootProbes() > 0 && performance.now() < deadline) await sleep(POLL_MS);
  if (threadsEnded && pendingRootProbes() === 0) process.exit(code);
  killed(code, 'a thread is blocked in the storage; ending with SIGKILL');
}

/** Process 1 of a container can't kill itself; `process.exit()` is then the fallback. */
function killed(code: ExitCode, message: string): void {
  process.stderr.write(`wado-consumer: ${message}\n`);
  process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
