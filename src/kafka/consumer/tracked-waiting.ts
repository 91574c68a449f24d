import type { Observable } from 'rxjs';
import type { WaitingRecords, WaitReason } from '../../ports.ts';
import type { ConsumedRecord } from '../../records/records.ts';
import { kafkaOrigin, waitingOf } from './origin.ts';
import type { WatermarkTracker } from './watermark.ts';

/** The waiting records of a tracker. Only those of current assignments are wanted. */
export class TrackedWaiting implements WaitingRecords {
  readonly revoked$: Observable<void>;
  readonly #tracker: WatermarkTracker;

  constructor(tracker: WatermarkTracker) {
    this.#tracker = tracker;
    this.revoked$ = tracker.revoked$;
  }

  /** The number of records that wait. */
  get count(): number {
    return this.#tracker.waiting;
  }

  isWanted({ origin }: ConsumedRecord): boolean {
    return this.#tracker.isAwaited(kafkaOrigin(origin));
  }

  waits(records: readonly ConsumedRecord[], reason: WaitReason): void {
    this.#tracker.waits(records.map((record) => waitingOf(record, reason)));
  }

  resumes(records: readonly ConsumedRecord[]): void {
    this.#tracker.resumes(records.map(({ origin }) => kafkaOrigin(origin)));
  }
}
