import type { Observable } from 'rxjs';
import type { WaitingRecords, WaitReason } from '../../ports.ts';
import type { ConsumedRecord } from '../../records/records.ts';
import type { Intake } from './intake.ts';
import { kafkaOrigin, waitingOf } from './origin.ts';
import type { WatermarkTracker } from './watermark.ts';

/** The waiting records of a tracker. Only those of current assignments are wanted. */
export class TrackedWaiting implements WaitingRecords {
  readonly revoked$: Observable<void>;
  readonly #tracker: WatermarkTracker;
  readonly #intake: Pick<Intake, 'resumable'>;

  constructor(tracker: WatermarkTracker, intake: Pick<Intake, 'resumable'>) {
    this.#tracker = tracker;
    this.#intake = intake;
    this.revoked$ = tracker.revoked$;
  }

  /** The number of records that wait. */
  get count(): number {
    return this.#tracker.waiting;
  }

  resumable(due: number): number {
    return this.#intake.resumable(due);
  }

  isWanted({ origin }: Pick<ConsumedRecord, 'origin'>): boolean {
    return this.#tracker.isAwaited(kafkaOrigin(origin));
  }

  waits(records: readonly ConsumedRecord[], reason: WaitReason): void {
    this.#tracker.waits(records.map((record) => waitingOf(record, reason)));
  }

  resumes(records: readonly ConsumedRecord[]): void {
    this.#tracker.resumes(records.map(({ origin }) => kafkaOrigin(origin)));
  }
}
