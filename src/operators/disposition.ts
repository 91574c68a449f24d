import { SinkError } from '../errors.ts';

/**
 * What to do about a failure: `retry` (transient: back off and try again, for ever, with the intake bounded), `dead-letter` (these
 * records can never work), `fail` (a bug or a bad setting: stop, commit nothing, say so). What nobody has classified fails.
 */
export type Disposition = 'retry' | 'dead-letter' | 'fail';

export function dispositionOf(error: unknown): Disposition {
  if (!(error instanceof SinkError)) return 'fail';
  switch (error.code) {
    case 'unavailable':
    case 'timeout':
    case 'conflict':
      return 'retry';
    case 'rejected':
      return 'dead-letter';
    case 'misconfigured':
    case 'unknown':
      return 'fail';
  }
}
