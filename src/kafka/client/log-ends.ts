import { SourceError } from '../../errors.ts';
import { errorName } from './client.ts';

/** What the client answers for one partition. */
interface ListedOffset {
  readonly offset: number;
  readonly error?: unknown;
}

/**
 * Checks first or end offsets, which every log has. Throws a SourceError `unavailable` where a broker named none: one that has just started
 * answers with an error or with a negative offset.
 */
export function requireOffsets<T extends ListedOffset>(listed: readonly T[]): readonly T[] {
  for (const { offset, error } of listed) {
    if (error) throw new SourceError('unavailable', errorName(error));
    if (offset < 0) throw new SourceError('unavailable', 'ERR_OFFSET_NOT_AVAILABLE');
  }
  return listed;
}
