/**
 * Calls into the native client that block a thread of libuv's pool until a broker answers or the call times out. Node joins those
 * threads at `process.exit()`, so the process can't end before they return. This module doesn't import the client, so that the code that
 * ends the process doesn't load it.
 */
const pending = new Map<symbol, string>();

/** The names of the calls in progress, for the log. */
export function pendingNativeCalls(): readonly string[] {
  return [...pending.values()];
}

/**
 * Converts one callback call to a promise and lists it as pending until it ends. `what` names the call in the log when the process has
 * to wait for it before it ends. Rejects with the client's error or with what `start` throws.
 */
export function nativeCall<T>(what: string, start: (done: (error: unknown, result: T) => void) => void): Promise<T> {
  const call = Symbol(what);
  pending.set(call, what);
  return new Promise<T>((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  }).finally(() => pending.delete(call));
}
