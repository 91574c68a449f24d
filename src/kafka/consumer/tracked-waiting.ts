import type { Observable } from 'rxjs';
import type { WaitingRecords, WaitReason } from '../../ports.ts';
import type { ConsumedRecord } from '../../records/records.ts';
import type { Intake } from './intake.ts';
import { kafkaOrigin, waitingOf } from './origin.ts';
import type { KafkaSourceOptions } from './source-options.ts';
import type { WatermarkTracker } from './watermark.ts';

/** The waiting records of a tracker. Only those of current assignments are wanted. */
export class TrackedWaiting implements WaitingRecords {
  readonly revoked$: Observable<void>;
  readonly #tracker: WatermarkTracker;
  readonly #intake: Pick<Intake, 'resumable' | 'beyond'>;
  /**
   * Only with transactions. One commits no record before the metadata has room for it. The records that wait make room, but would get none in
   * flight when all of it is taken by records that can't be committed. The oldest record of a partition can always be committed.
   */
  readonly urgent?: NonNullable<WaitingRecords['urgent']>;

  constructor(
    tracker: WatermarkTracker,
    intake: Pick<Intake, 'resumable' | 'beyond'>,
    commits: KafkaSourceOptions['commits'] = 'source',
  ) {
    this.#tracker = tracker;
    this.#intake = intake;
    if (commits === 'transaction') this.urgent = () => this.#isUrgent();
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

  #isUrgent(): (record: Pick<ConsumedRecord, 'origin'>) => boolean {
    let room = this.#intake.beyond;
    return ({ origin }) => {
      const gap = this.#tracker.gapAt(kafkaOrigin(origin));
      if (gap === 'closable') return room > 0 && room-- > 0;
      return gap === 'oldest';
    };
  }
}
