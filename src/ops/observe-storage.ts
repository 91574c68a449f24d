import type { GroupConfig } from '../config/config.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/**
 * Reports the state of the storage roots as readiness, a metric and log lines. A root is named by its field in the
 * configuration, never by its directory.
 */
export function storageRootEvents(
  group: GroupConfig,
  metrics: Metrics,
  health: Health,
  logger: Logger,
): (index: number, code: string | undefined) => void {
  const fields = group.storageRoots.map((_, index) => `${group.path}.group_dicom_state.storage_roots.${index}`);
  const statuses = health.alternatives(fields.map((path) => ({ label: group.label, path })));
  const usable = fields.map((path) => metrics.storageRoot({ label: group.label, path }));
  const unusableSince = new Map<number, number>();

  return (index, code) => {
    const field = fields[index];
    usable[index]?.(code === undefined);
    if (code !== undefined) {
      statuses[index]?.failed(code);
      logger.warn({ field, code }, 'storage root cannot be used, its records wait, checking again every 2 s');
      if (!unusableSince.has(index)) unusableSince.set(index, performance.now());
      return;
    }
    statuses[index]?.connected();
    const since = unusableSince.get(index);
    if (since === undefined) return;
    unusableSince.delete(index);
    logger.info({ field, after_s: Math.round((performance.now() - since) / 1_000) }, 'storage root can be used again');
  };
}
