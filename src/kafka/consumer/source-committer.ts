import { SourceError } from '../../errors.ts';
import { ERRORS, errorCode, errorName } from '../client/client.ts';
import type { NativeConsumer } from '../client/types.ts';
import type { CommitEncoder } from './commit-encoder.ts';
import { Committer } from './committer.ts';
import type { SourceEvents } from './events.ts';
import type { WatermarkTracker } from './watermark.ts';

/** What the committer uses of the source. */
export interface SourceCommitterOptions {
  readonly periodMs: number;
  readonly tracker: WatermarkTracker;
  readonly encoder: CommitEncoder;
  readonly events: SourceEvents;
  /** The member of the group; undefined while there is none. */
  consumer(): NativeConsumer | undefined;
  /** Whether offsets may be committed now. */
  mayCommit(): boolean;
  /** The broker has accepted a commit. */
  works(): void;
  /** Ends the source with this error. */
  fail(error: SourceError): void;
}

/** The committer of what the tracker knows to be done. */
export function createSourceCommitter(options: SourceCommitterOptions): Committer {
  const { tracker, encoder, events } = options;
  return new Committer({
    periodMs: options.periodMs,
    takeCommittable: () => (options.mayCommit() ? tracker.takeCommittable() : []),
    restore: (offsets) => tracker.restore(offsets),
    send: (committable) => {
      const { offsets, unlisted } = encoder.encode(committable);
      options.consumer()?.commit([...offsets]);
      for (const each of unlisted) events.unlisted?.(each, each.records);
    },
    committed: (offsets) => {
      tracker.committed(offsets);
      encoder.accepted();
      if (encoder.isIncomplete) tracker.restore(offsets);
      options.works();
      events.committed?.(offsets);
    },
    failed: (error) => {
      if (errorCode(error) === ERRORS.ERR_OFFSET_METADATA_TOO_LARGE) {
        // Hoisted: `?.()` skips its arguments when there is no listener.
        const maxBytes = encoder.refused();
        events.metadataRefused?.(maxBytes);
      } else events.commitFailed?.(errorName(error));
    },
    unanswered: () => options.fail(new SourceError('unavailable', 'a commit was never answered')),
  });
}
