import type { Logger } from './logger.ts';

/** The current throttling of the producers by broker quotas. */
export interface Throttling {
  /** A broker delays a producer by this time. */
  throttled(milliseconds: number): void;
  /** The greatest recent delay in milliseconds; 0 when the brokers don't throttle. */
  now(): number;
}

/** A delay counts for this time after it is over, since the requests of a throttled client are far apart. */
const FRESH_MS = 10_000;

/** Starts without throttling. */
export function createThrottling(): Throttling {
  let greatest = 0;
  let until = Number.NEGATIVE_INFINITY;
  const now = () => (performance.now() < until ? greatest : 0);
  return {
    throttled(milliseconds) {
      greatest = Math.max(now(), milliseconds);
      until = Math.max(until, performance.now() + milliseconds + FRESH_MS);
    },
    now,
  };
}

const REPEAT_AFTER_MS = 30_000;

/** Logs throttling when it begins and every 30 s while it lasts. */
export function throttlingLog(logger: Logger): (milliseconds: number) => void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  return (milliseconds) => {
    const now = performance.now();
    if (now - loggedAt < REPEAT_AFTER_MS) return;
    loggedAt = now;
    logger.warn({ throttle_ms: Math.round(milliseconds) }, 'Kafka throttles the producer because of a quota');
  };
}
