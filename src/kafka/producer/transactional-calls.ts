/** Calls of a transactional producer: each with its end, in turns where they take long, and none once the producer is left. */
import { disconnect, ERRORS, errorCode, type NativeError, type NativeProducer } from '../client/client.ts';
import { nativeCall } from '../client/native-calls.ts';

type Done = (error: NativeError) => void;

/** A native call can't be ended before its time, and the process can't end before it: what may be asked again is asked in short turns. */
export const TURN_MS = 2_000;
const TURN_PAUSE_MS = 50;
const CLOSE_TIMEOUT_MS = 5_000;

/** Calls under way, of each producer that was not left. */
const underWay = new WeakMap<NativeProducer, Set<Promise<void>>>();
const left = new WeakMap<NativeProducer, Promise<void>>();

/**
 * Rejects with the client's error. A transactional call that reaches a client which is being destroyed ends the process (an assertion in
 * librdkafka): none is made once the producer is left.
 */
export function call(producer: NativeProducer, what: string, start: (done: Done) => void): Promise<void> {
  if (left.has(producer)) return Promise.reject(Object.assign(new Error('closed'), { code: ERRORS.ERR__STATE }));
  const calls = underWay.get(producer) ?? new Set();
  underWay.set(producer, calls);
  const answered = nativeCall<void>(what, (done) => start((error) => done(error, undefined)));
  calls.add(answered);
  const forget = () => void calls.delete(answered);
  answered.then(forget, forget);
  return answered;
}

/**
 * For a call that goes on by itself when its time is over: asked again, librdkafka tells what has become of it. So a commit whose answer
 * got lost isn't taken for one that failed. `goOn` says whether to ask once more.
 */
export async function inTurns(
  producer: NativeProducer,
  what: string,
  goOn: () => boolean,
  start: (done: Done) => void,
): Promise<void> {
  for (;;) {
    try {
      return await call(producer, what, start);
    } catch (error) {
      if (!isLate(error) || !goOn()) throw error;
      await new Promise((resolve) => setTimeout(resolve, TURN_PAUSE_MS));
    }
  }
}

/** Disconnects when its calls have ended, whoever asks first: a transaction that failed, or the end, each while the other is under way. */
export function leave(producer: NativeProducer): Promise<void> {
  const leaving =
    left.get(producer) ??
    Promise.allSettled(underWay.get(producer) ?? []).then(() => disconnect(producer, CLOSE_TIMEOUT_MS));
  left.set(producer, leaving);
  return leaving;
}

/** Whether the call goes on without us, and may be asked again. While another one does, it would be refused over and over. */
function isLate(error: unknown): boolean {
  const code = errorCode(error);
  if (code === ERRORS.ERR__CONFLICT || code === ERRORS.ERR__PREV_IN_PROGRESS) return false;
  return typeof error === 'object' && error !== null && 'isRetriable' in error && error.isRetriable === true;
}
