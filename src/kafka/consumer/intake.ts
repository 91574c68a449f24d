import type { WatermarkTracker } from './watermark.ts';

/** Limits of the records that wait. */
export interface WaitingLimits {
  readonly records: number;
  /** What they hold in memory, about. */
  readonly bytes: number;
}

/** Limits of what is emitted and not acknowledged. */
export interface IntakeOptions {
  /** Maximum number of emitted records that are neither acknowledged nor waiting. */
  readonly checkpointLimit: number;
  /** Limits of the records that wait. Default: none. */
  readonly waitingLimits?: WaitingLimits;
}

const NO_LIMITS: WaitingLimits = { records: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Which limit of the waiting records pauses the intake. */
export const PAUSES = ['max_waiting', 'max_waiting_bytes'] as const;
/** One of PAUSES. */
export type IntakePause = (typeof PAUSES)[number];

/** A paused intake resumes below this share of the limit, so that it doesn't pause again at the next record. */
const RESUME_BELOW = 0.9;

/** How many records may be polled. `changed` is called when a limit of the waiting records pauses the intake, and when it resumes. */
export class Intake {
  readonly #tracker: Pick<WatermarkTracker, 'inFlight' | 'waiting' | 'waitingBytes'>;
  readonly #inFlight: number;
  readonly #waiting: WaitingLimits;
  readonly #changed: (pause: IntakePause | undefined) => void;
  #pause: IntakePause | undefined;

  constructor(
    tracker: Pick<WatermarkTracker, 'inFlight' | 'waiting' | 'waitingBytes'>,
    { checkpointLimit, waitingLimits = NO_LIMITS }: IntakeOptions,
    changed: (pause: IntakePause | undefined) => void = () => undefined,
  ) {
    this.#tracker = tracker;
    this.#inFlight = checkpointLimit;
    this.#waiting = waitingLimits;
    this.#changed = changed;
  }

  /** The limit of the waiting records that pauses the intake; undefined when none does. */
  get pause(): IntakePause | undefined {
    return this.#reached();
  }

  /** The number of records for which there is room; 0 or less when there is none. */
  get room(): number {
    const pause = this.#reached();
    if (pause !== this.#pause) {
      this.#pause = pause;
      this.#changed(pause);
    }
    return pause === undefined ? this.#inFlight - this.#tracker.inFlight : 0;
  }

  #reached(): IntakePause | undefined {
    const { waiting, waitingBytes } = this.#tracker;
    const share = (pause: IntakePause) => (this.#pause === pause ? RESUME_BELOW : 1);
    if (waiting >= this.#waiting.records * share('max_waiting')) return 'max_waiting';
    return waitingBytes >= this.#waiting.bytes * share('max_waiting_bytes') ? 'max_waiting_bytes' : undefined;
  }
}
