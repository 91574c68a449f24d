import type { WatermarkTracker } from './watermark.ts';

/** Limits of the records that wait. */
export interface WaitingLimits {
  readonly records: number;
  /** What they hold in memory, about. */
  readonly bytes: number;
}

/** Limits of what is emitted and not acknowledged. */
export interface IntakeOptions {
  /** Maximum number of emitted records that are neither acknowledged nor waiting, apart from `Intake.beyond`. */
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

/** The usual size of a batch. */
const LEAST_POLL = 50;

/** The number of records in flight beyond `checkpointLimit`. */
const MOST_BEYOND = 100;

type TrackedCounts = Pick<WatermarkTracker, 'inFlight' | 'resumed' | 'waiting' | 'waitingBytes'>;

/**
 * How many records may be polled, and how many waiting ones resumed. Both share `checkpointLimit`: resumed records get up to half of it
 * while there are new ones, too, and new records get the rest, so that neither holds up the other. A few more may be resumed for which
 * others wait. `changed` is called when a limit of the waiting records pauses the intake, and when it resumes.
 */
export class Intake {
  readonly #tracker: TrackedCounts;
  readonly #inFlight: number;
  readonly #waiting: WaitingLimits;
  readonly #changed: (pause: IntakePause | undefined) => void;
  #pause: IntakePause | undefined;
  /** The number of records that the running poll may return. */
  #polled = 0;
  /** The number of due records for which there was no room. */
  #claimed = 0;

  constructor(
    tracker: TrackedCounts,
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
    if (pause !== undefined) return 0;
    const { inFlight, resumed, waiting } = this.#tracker;
    const reserved = Math.min(this.#resumedLimit, resumed + Math.min(this.#claimed, waiting));
    return Math.max(1, this.#inFlight - reserved) - (inFlight - resumed);
  }

  /** The number of records for which there should be room before a poll, unless it doesn't come soon. */
  get leastPoll(): number {
    return Math.min(LEAST_POLL, Math.floor(this.#inFlight / 8));
  }

  /** To be called before a poll with the number of records it may return, and with 0 after they were emitted. */
  polls(records: number): void {
    this.#polled = records;
  }

  /** How many of the `due` waiting records may be resumed now. The others get room before new records do. */
  resumable(due: number): number {
    const { inFlight, resumed } = this.#tracker;
    // With a limit of 1, one resumed record may be in flight beside a new one.
    const free = Math.max(2, this.#inFlight) - inFlight - this.#polled;
    const granted = Math.max(0, Math.min(due, this.#resumedLimit - resumed, free));
    this.#claimed = due - granted;
    return granted;
  }

  /** How many records may be resumed beyond `checkpointLimit` now, because others can't be committed before they are done. */
  get beyond(): number {
    const limit = this.#inFlight + Math.min(MOST_BEYOND, this.#resumedLimit);
    return Math.max(0, limit - this.#tracker.inFlight - this.#polled);
  }

  get #resumedLimit(): number {
    return Math.max(1, Math.floor(this.#inFlight / 2));
  }

  #reached(): IntakePause | undefined {
    const { waiting, waitingBytes } = this.#tracker;
    const share = (pause: IntakePause) => (this.#pause === pause ? RESUME_BELOW : 1);
    if (waiting >= this.#waiting.records * share('max_waiting')) return 'max_waiting';
    return waitingBytes >= this.#waiting.bytes * share('max_waiting_bytes') ? 'max_waiting_bytes' : undefined;
  }
}
