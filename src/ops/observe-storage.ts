import type { GroupConfig } from '../config/config.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import type { Component, Metrics } from './metrics.ts';

/** The storage roots as components: each is named by its field in the configuration, never by its directory. */
export function storageRootsOf({ label, path, storageRoots }: GroupConfig): readonly Component[] {
  return storageRoots.map((_, index) => ({ label, path: `${path}.group_dicom_state.storage_roots.${index}` }));
}

/** Reports the state of the storage roots as readiness, metrics and log lines. */
export function storageRootEvents(
  group: GroupConfig,
  metrics: Metrics,
  health: Health,
  logger: Logger,
): (index: number, code: string | undefined) => void {
  const roots = storageRootsOf(group);
  const statuses = health.alternatives(roots);
  const setUnusableSince = roots.map((root) => metrics.storageRoot(root));
  /** Since when each unusable root can't be used, by both clocks. */
  const outages = new Map<number, { readonly at: Date; readonly since: number }>();

  return (index, code) => {
    const field = roots[index]?.path;
    const earlier = outages.get(index);
    if (code !== undefined) {
      const outage = earlier ?? { at: new Date(), since: performance.now() };
      outages.set(index, outage);
      setUnusableSince[index]?.(outage.since);
      statuses[index]?.failed(code, outage.at);
      logger.warn({ field, code, since: outage.at.toISOString() }, messageOf(code));
      return;
    }
    outages.delete(index);
    setUnusableSince[index]?.(undefined);
    statuses[index]?.connected();
    if (earlier === undefined) return;
    const seconds = Math.round((performance.now() - earlier.since) / 1_000);
    logger.info({ field, after_s: seconds }, 'storage root can be used again');
  };
}

function messageOf(code: string): string {
  return code === 'files_missing'
    ? 'nearly all recent files of the storage root are missing, its records wait until some are found'
    : 'storage root cannot be used, its records wait, checking again every 2 s';
}
