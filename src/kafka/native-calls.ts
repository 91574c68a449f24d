/**
 * Calls into the native client that hold a thread until a broker answers or a time-out of the client's own has passed. The process can't
 * end by `process.exit()` before they do: Node joins the threads of its pool first. No import of the client here, so that whoever ends
 * the program may ask without loading it.
 */
let pending = 0;

/** How many such calls have not come back. */
export function pendingNativeCalls(): number {
  return pending;
}

/** Starts a call that tells its end by a callback; `start` may throw instead of calling back. Counted until then, whoever waits for it. */
export function nativeCall<A extends unknown[]>(
  start: (done: (...results: A) => void) => void,
  ended: (...results: A) => void,
): void {
  pending++;
  try {
    start((...results) => {
      pending--;
      ended(...results);
    });
  } catch (error) {
    pending--;
    throw error;
  }
}
