import { VirtualTimeScheduler } from 'rxjs';

/** A clock that only tests advance, in milliseconds since the epoch. */
export class VirtualClock extends VirtualTimeScheduler {
  constructor(start: number) {
    super(undefined, start);
    this.frame = start;
  }

  /** The time of the next scheduled action; undefined when there is none. */
  get next(): number | undefined {
    return this.actions[0]?.delay;
  }

  /** Whether an action is to be run before the time advances. */
  get isDue(): boolean {
    return this.next !== undefined && this.next <= this.frame;
  }

  /** Advances to `time` and runs what is due then. No action may be due before. */
  runAt(time: number): void {
    this.maxFrames = time;
    this.flush();
    this.frame = time;
  }
}
