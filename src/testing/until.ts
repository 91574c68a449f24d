import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Waits until the condition holds; while it throws, it doesn't. After `timeoutMs` milliseconds, rejects with an Error that names `what`; its
 * cause is the last error of the condition. Default 30 s.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  let cause: unknown;
  for (const deadline = performance.now() + timeoutMs; ; await sleep(POLL_MS)) {
    try {
      if (await condition()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause });
  }
}
