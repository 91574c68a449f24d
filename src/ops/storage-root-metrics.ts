import { Gauge, type Registry } from 'prom-client';

/**
 * Sets since when the root can't be used, by `performance.now()`: undefined while it can, `Infinity` before the first
 * check.
 */
export type SetUnusableSince = (since: number | undefined) => void;

/** The labels of a component's series. */
interface Labels {
  readonly label: string;
  readonly path: string;
}

/** Registers the metrics of the storage roots. The returned function adds a root, which counts as unusable at first. */
export function createStorageRootMetrics(registry: Registry): (root: Labels) => SetUnusableSince {
  const roots: { readonly root: Labels; since: number | undefined }[] = [];
  new Gauge({
    name: 'wado_storage_root_usable',
    help: '1 while the storage root can be used, else 0',
    labelNames: ['label', 'path'],
    registers: [registry],
    collect() {
      for (const { root, since } of roots) this.labels(root.label, root.path).set(since === undefined ? 1 : 0);
    },
  });
  new Gauge({
    name: 'wado_storage_root_unusable_seconds',
    help: 'Seconds since the storage root cannot be used; 0 while it can',
    labelNames: ['label', 'path'],
    registers: [registry],
    collect() {
      const now = performance.now();
      for (const { root, since = now } of roots)
        this.labels(root.label, root.path).set(Math.max(0, now - since) / 1_000);
    },
  });
  return (root) => {
    const entry: (typeof roots)[number] = { root, since: Number.POSITIVE_INFINITY };
    roots.push(entry);
    return (since) => {
      entry.since = since;
    };
  };
}
