/**
 * Calls into the native client that hold a thread until a broker answers or a time-out of the client's own has passed. The process can't
 * end by `process.exit()` before they do: Node joins the threads of its pool first. No import of the client here, so that whoever ends
 * the program may ask without loading it.
 */
const pending = new Map<symbol, string>();

/** What such calls that have not come back do, in words of ours; empty when there are none. */
export function pendingNativeCalls(): readonly string[] {
  return [...pending.values()];
}

/**
 * Starts a call that tells its end by a callback; `start` may throw instead of calling back. Counted until then, whoever waits for it.
 * `what` it does is said when the end of the process has to wait for it.
 */
export function nativeCall<A extends unknown[]>(
  what: string,
  start: (done: (...results: A) => void) => void,
  ended: (...results: A) => void,
): void {
  const call = Symbol(what);
  pending.set(call, what);
  try {
    start((...results) => {
      pending.delete(call);
      ended(...results);
    });
  } catch (error) {
    pending.delete(call);
    throw error;
  }
}
