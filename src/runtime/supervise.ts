import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../errors.ts';
import type { RunningTopology } from './start-topology.ts';

/**
 * How a service ended: `drained` when everything it had emitted was acknowledged and committed, `forced` when its deadline passed with
 * records in flight; those are redelivered after the restart.
 */
export type StopResult = 'drained' | 'forced';

export interface RestartPolicy {
  /** How often the graph may break in `windowMs` before the service gives up. */
  readonly maxBreaks: number;
  readonly windowMs: number;
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

const DEFAULT_RESTARTS: RestartPolicy = {
  maxBreaks: 5,
  windowMs: 10 * 60_000,
  initialDelayMs: 1_000,
  maxDelayMs: 30_000,
};

/** For the socket to say goodbye, no more. */
const FORCED_CLOSE_MS = 500;

export interface Supervision {
  readonly policy?: RestartPolicy | undefined;
  /** Aborted: drain and end. */
  readonly stop: AbortSignal;
  /** Aborted: end now; what is in flight comes again after a restart. */
  readonly force: AbortSignal;
  onBreak(error: unknown, attempt: number, delayMs: number): void;
}

/**
 * Keeps the graph running: when it breaks on something that no retry mends, it is built anew from the last commit, with growing pauses,
 * until it has broken too often; then the last error is thrown. Nothing uncommitted is lost by a restart: it is consumed again.
 */
export async function supervise(start: () => RunningTopology, supervision: Supervision): Promise<StopResult> {
  const policy = supervision.policy ?? DEFAULT_RESTARTS;
  const breaks: number[] = [];
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
      breaks.push(now);
      while ((breaks[0] ?? now) < now - policy.windowMs) breaks.shift();
      if (breaks.length > policy.maxBreaks) throw error;
      const delayMs = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** (breaks.length - 1));
      supervision.onBreak(error, breaks.length, delayMs);
      await sleep(delayMs, undefined, { signal: supervision.stop }).catch(() => undefined);
      if (supervision.stop.aborted) return 'drained';
    } finally {
      supervision.stop.removeEventListener('abort', stop);
    }
  }
}

/** Whether a restart can't help: no offset to start from, or another process that a restart would shut out in turn. */
function isPermanent(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'no_committed_offset' || error.code === 'fenced');
}

/** Closes; a forced end doesn't wait for those that don't answer, whether it began with a drain or not. */
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
