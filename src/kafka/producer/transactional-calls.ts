/** Calls of a transactional producer: repeated while they are in progress, and rejected once the producer is closing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { disconnect, ERRORS, errorCode, type NativeError, type NativeProducer } from '../client/client.ts';
import { nativeCall } from '../client/native-calls.ts';

type Done = (error: NativeError) => void;

/**
 * The timeout of one native call, in milliseconds. A call can't be cancelled, and the process can't end before it
 * returns, so a call that may be repeated has a short timeout.
 */
export const CALL_SLICE_MS = 2_000;
const PAUSE_MS = 50;
const CLOSE_TIMEOUT_MS = 5_000;

/** The calls in progress of each producer that is not closing. */
const inProgress = new WeakMap<NativeProducer, Set<Promise<void>>>();
const closing = new WeakMap<NativeProducer, Promise<void>>();

/**
 * Calls the client; rejects with its error. After `closeWhenIdle` it rejects without calling the client: a transactional call to a
 * client that is being destroyed aborts the process (an assertion in librdkafka).
 */
export function call(producer: NativeProducer, what: string, start: (done: Done) => void): Promise<void> {
  if (closing.has(producer)) return Promise.reject(Object.assign(new Error('closed'), { code: ERRORS.ERR__STATE }));
  const calls = inProgress.get(producer) ?? new Set();
  inProgress.set(producer, calls);
  const answered = nativeCall<void>(what, (done) => start((error) => done(error, undefined)));
  calls.add(answered);
  const forget = () => void calls.delete(answered);
  answered.then(forget, forget);
  return answered;
}

/**
 * For a call that continues in librdkafka after its timeout. A repeated call returns the result of the first one, so a commit with a
 * late answer doesn't count as failed. `repeat` returns whether to call again.
 */
export async function callRepeatedly(
  producer: NativeProducer,
  what: string,
  repeat: () => boolean,
  start: (done: Done) => void,
): Promise<void> {
  for (;;) {
    try {
      return await call(producer, what, start);
    } catch (error) {
      if (!isInProgress(error) || !repeat()) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** Disconnects when the calls in progress have ended. Further calls wait for the same disconnect. */
export function closeWhenIdle(producer: NativeProducer): Promise<void> {
  const closed =
    closing.get(producer) ??
    Promise.allSettled(inProgress.get(producer) ?? []).then(() => disconnect(producer, CLOSE_TIMEOUT_MS));
  closing.set(producer, closed);
  return closed;
}

/** Whether the call is still in progress and may be repeated. librdkafka refuses a repetition while a different call is. */
function isInProgress(error: unknown): boolean {
  const code = errorCode(error);
  if (code === ERRORS.ERR__CONFLICT || code === ERRORS.ERR__PREV_IN_PROGRESS) return false;
  return typeof error === 'object' && error !== null && 'isRetriable' in error && error.isRetriable === true;
}
