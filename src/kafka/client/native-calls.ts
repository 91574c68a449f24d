/**
 * Calls into the native client that block a thread of libuv's pool until a broker answers or the call's own timeout passes. Node joins
 * those threads at `process.exit()`, so the process can't end before they return. This module doesn't import the client: the code that
 * ends the process reads the list without loading it.
 */
const pending = new Map<symbol, string>();

/** What the calls under way do, in words for the log; empty when there are none. */
export function pendingNativeCalls(): readonly string[] {
  return [...pending.values()];
}

/**
 * Turns one callback call into a promise and lists it as pending until it ends. `what` names the call in the log when the end of the
 * process has to wait for it. Rejects with the client's error, and with what `start` throws.
 */
export function nativeCall<T>(what: string, start: (done: (error: unknown, result: T) => void) => void): Promise<T> {
  const call = Symbol(what);
  pending.set(call, what);
  return new Promise<T>((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  }).finally(() => pending.delete(call));
}
