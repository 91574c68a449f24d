import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../errors.ts';
import type { RunningTopology } from './start-topology.ts';

/**
 * How a service ended: `drained` when the batches in flight were acknowledged, `forced` when its deadline passed first.
 * Records that are not committed are redelivered after the restart.
 */
export type StopResult = 'drained' | 'forced';

/** How often and after which delays a failed topology is restarted. */
export interface RestartPolicy {
  /** Maximum number of failures within `windowMs`. One more ends the service. */
  readonly maxFailures: number;
  readonly windowMs: number;
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

const DEFAULT_RESTARTS: RestartPolicy = {
  maxFailures: 5,
  windowMs: 10 * 60_000,
  initialDelayMs: 1_000,
  maxDelayMs: 30_000,
};

/** Grace period for closing sockets. */
const FORCED_CLOSE_MS = 500;

/** The signals that end the service, and a listener for failures. */
export interface Supervision {
  readonly policy?: RestartPolicy | undefined;
  /** When aborted, the service finishes the records in flight and ends. */
  readonly stop: AbortSignal;
  /** When aborted, the service ends at once. Records in flight are redelivered after the restart. */
  readonly force: AbortSignal;
  /** Called before each restart. `failures` is the number of failures within the window. */
  onFailure(error: unknown, failures: number, delayMs: number): void;
}

/**
 * Keeps the topology running. When it fails, it is rebuilt after a growing delay and resumes at the committed offsets. A
 * restart loses no record: uncommitted ones are redelivered. Rejects with the last error after too many failures, after a
 * permanent failure, and when the topology fails while it stops.
 */
export async function supervise(start: () => RunningTopology, supervision: Supervision): Promise<StopResult> {
  const policy = supervision.policy ?? DEFAULT_RESTARTS;
  const failures: number[] = [];
  const forced = aborted(supervision.force);
  for (;;) {
    const running = start();
    const stop = () => running.stop();
    if (supervision.stop.aborted) stop();
    else supervision.stop.addEventListener('abort', stop, { once: true });
    try {
      const outcome = await Promise.race([running.done.then((): StopResult => 'drained'), forced]);
      return await closed(running, outcome, forced);
    } catch (error) {
      if ((await closed(running, 'drained', forced)) === 'forced') return 'forced';
      if (supervision.stop.aborted || isPermanent(error)) throw error;
      const now = performance.now();
      failures.push(now);
      while ((failures[0] ?? now) < now - policy.windowMs) failures.shift();
      if (failures.length > policy.maxFailures) throw error;
      const delayMs = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** (failures.length - 1));
      supervision.onFailure(error, failures.length, delayMs);
      await sleep(delayMs, undefined, { signal: supervision.stop }).catch(() => undefined);
      if (supervision.stop.aborted) return 'drained';
    } finally {
      supervision.stop.removeEventListener('abort', stop);
    }
  }
}

/** Whether a restart can't help: there is no offset to start from, or a restart would fence another process. */
function isPermanent(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'no_committed_offset' || error.code === 'fenced');
}

/** Closes the topology. Once the end is forced, waits at most FORCED_CLOSE_MS for servers that don't answer. */
async function closed(running: RunningTopology, outcome: StopResult, forced: Promise<StopResult>): Promise<StopResult> {
  const closing = running.close().then(() => outcome);
  const cutOff = forced.then(async (): Promise<StopResult> => {
    await sleep(FORCED_CLOSE_MS);
    return 'forced';
  });
  return await Promise.race([closing, cutOff]);
}

function aborted(signal: AbortSignal): Promise<StopResult> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('forced');
    else signal.addEventListener('abort', () => resolve('forced'), { once: true });
  });
}
