import type { SinkError } from '../errors.ts';
import type { Logger } from './logger.ts';

/** Logs the outage of a sink when it begins, every 30 s while it lasts, and when it ends. */
export interface OutageLog {
  onRetry(failure: {
    readonly sink: string;
    readonly error: SinkError;
    readonly attempt: number;
    readonly delayMs: number;
  }): void;
  onRecovered(sink: string): void;
}

const REPEAT_AFTER_MS = 30_000;

interface Outage {
  readonly since: number;
  failures: number;
  loggedAt: number;
}

/** Counts the failures of all calls to a sink during one outage together. */
export function createOutageLog(logger: Logger, now: () => number = () => performance.now()): OutageLog {
  const outages = new Map<string, Outage>();
  const lastConflicts = new Map<string, number>();

  return {
    onRetry({ sink, error, attempt, delayMs }) {
      const at = now();
      // A conflict (deadlock, lock wait) is not an outage: the sink answers.
      if (error.code === 'conflict') {
        if (at - (lastConflicts.get(sink) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER_MS) return;
        lastConflicts.set(sink, at);
      } else {
        const outage = outages.get(sink) ?? {
          since: at,
          failures: 0,
          loggedAt: Number.NEGATIVE_INFINITY,
        };
        outages.set(sink, outage);
        outage.failures++;
        if (at - outage.loggedAt < REPEAT_AFTER_MS) return;
        outage.loggedAt = at;
      }
      const delay = Math.round(delayMs);
      logger.warn(
        { sink, err: error, attempt, delay_ms: delay },
        `${OPERATIONS[error.operation]} ${sink} failed (${placeOf(error)}), retry in ${delay} ms`,
      );
    },
    onRecovered(sink) {
      const outage = outages.get(sink);
      if (outage === undefined) return;
      outages.delete(sink);
      const ms = Math.round(now() - outage.since);
      const attempts = outage.failures;
      const text = `${seconds(ms)}, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
      logger.info({ sink, ms, attempts }, `${sink} connected again after ${text}`);
    },
  };
}

/** Returns what logs that an output has acknowledged nothing for this time while a write to it was pending. */
export function stallLog(logger: Logger, sink: string): (pendingMs: number) => void {
  return (pendingMs) => {
    const text = `${sink} has acknowledged nothing for ${seconds(pendingMs)}, although a write is pending`;
    logger.warn({ sink, pending_ms: Math.round(pendingMs) }, text);
  };
}

const OPERATIONS = { connect: 'connecting to', write: 'writing to', migrate: 'migrating' } as const;

function placeOf({ detail, address }: SinkError): string {
  return address === undefined ? detail : `${detail} ${address}`;
}

/** `0.4 s`, `38 s` */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
