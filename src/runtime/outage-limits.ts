import type { GroupConfig } from '../config/config.ts';
import type { OutageLimits } from '../dicom/files/root-outcomes.ts';

/** Most producers announce a file before it is visible, but not more than a few seconds before. */
const SETTLE_MS = 5_000;

/** When a storage root counts as lost. */
export function outageLimits({ outageShare, outageFiles, fileWaitMs }: GroupConfig): OutageLimits {
  // The root must be judged before its first record is dead-lettered.
  return { share: outageShare, files: outageFiles, settleMs: Math.min(SETTLE_MS, fileWaitMs / 2) };
}
