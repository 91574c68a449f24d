import { setTimeout as sleep } from 'node:timers/promises';

// By then the other transaction of a deadlock or a concurrent insert has ended. Later conflicts are retried by the caller.
const TRIES = 4;
const PAUSE_MS = 20;

/**
 * Runs `work`, again after an error that another transaction caused. `asConflict` resolves to the error to throw if the conflict remains,
 * or to undefined for an error that an immediate retry can't resolve, which is thrown at once.
 */
export async function retryConflicts<T>(
  work: () => Promise<T>,
  asConflict: (error: unknown) => Promise<Error | undefined> | Error | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const conflict = await asConflict(error);
      if (conflict === undefined) throw error;
      if (attempt === TRIES) throw conflict;
    }
    await sleep(PAUSE_MS * attempt * (0.5 + Math.random()));
  }
}
