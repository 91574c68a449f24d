/**
 * The data of the dashboard: connection and counts of source and sinks, the accounting of records, and the lag. It never
 * contains record content.
 */

import type { SinkTarget } from '../ports.ts';
import type { ComponentStatus, Health } from './health.ts';
import type { HeldPartition } from './held-records.ts';
import type { Component, Metrics, Series } from './metrics.ts';
import type { VersionInfo } from './version.ts';

/** A node of the topology, as `topology/nodes.ts` describes it. */
export type ShownNode = {
  readonly name: string;
  /** The names of the next nodes. */
  readonly to: readonly string[];
} & (
  | { readonly kind: 'source'; readonly topics: readonly string[] }
  | { readonly kind: 'processor' }
  | { readonly kind: 'sink'; readonly target: SinkTarget }
);

/** The counts and states at one moment. */
export interface DashboardSnapshot {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly input: NodeSnapshot & {
    readonly topics: readonly string[];
    readonly group: string;
    /** Records; null while it is unknown. */
    readonly lag: number | null;
  };
  readonly outputs: readonly (NodeSnapshot & {
    readonly name: string;
    readonly kind: SinkTarget['kind'];
    readonly target: string;
  })[];
  /** The names of the nodes, in the order of processing. Those of one stage work at the same time. */
  readonly stages: readonly (readonly string[])[];
  /** The entries of `storage_roots`, named by their paths in the configuration. */
  readonly storageRoots: readonly ComponentStatus[];
  readonly records: {
    readonly consumed: number;
    readonly acked: number;
    readonly deadLettered: number;
    readonly released: number;
    readonly inFlight: number;
    readonly waiting: number;
  };
  /** Records that can't be processed now, by what they wait for. */
  readonly held: Readonly<Record<string, number>>;
  /** What each assigned partition waits for. */
  readonly partitions: readonly HeldPartition[];
  /** The limit of the waiting records that pauses the intake; null while none does. */
  readonly paused: string | null;
  /** By error code. */
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Rows of the tables (studies, series, images); empty outside the demo. */
  readonly totals: Readonly<Record<string, number>>;
}

/** The state of one source or sink. */
export interface NodeSnapshot extends Component {
  readonly connected: boolean;
  readonly error?: string;
  /** Records received (input) or made durable (output). */
  readonly count: number;
  readonly errors: number;
}

/** The source of the dashboard's data. */
export interface Dashboard {
  /** Reads all metrics and the health now. */
  snapshot(): Promise<DashboardSnapshot>;
  /** Sets the totals. Counting costs a query, so only the demo does it. */
  totals(totals: Readonly<Record<string, number>>): void;
}

/** What the dashboard reads. */
export interface DashboardOptions {
  /** The nodes of the topology that runs; none before it is started. */
  readonly nodes: () => readonly ShownNode[];
  /** The consumer group. */
  readonly group: string;
  readonly storageRoots: readonly Component[];
  /** The label and path of a node, by its name. */
  readonly componentOf: (name: string) => Component;
  readonly version: VersionInfo;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** Creates the dashboard; its uptime starts now. */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { version, metrics, health, componentOf } = options;
  const startedAt = performance.now();
  let totals: Readonly<Record<string, number>> = {};

  return {
    totals: (now) => {
      totals = now;
    },
    snapshot: async () => {
      const readiness = health.readiness();
      const nodes = options.nodes();
      const source = nodes.find((each) => each.kind === 'source');
      const sinks = nodes.filter((each) => each.kind === 'sink');
      const { deadLetters, ...records } = metrics.records.read();
      const [received, sent, errors, lag] = await Promise.all(
        ['input_received', 'output_sent', 'output_error', 'redpanda_lag'].map(metrics.series),
      );
      const node = (component: Component, counts: Counts, failures: Counts): NodeSnapshot => ({
        ...statusOf(component, readiness.body.statuses),
        count: countOf(component, counts),
        errors: countOf(component, failures),
      });
      return {
        version: version.version,
        uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
        ready: readiness.ready,
        input: {
          ...node(componentOf(source?.name ?? ''), received, []),
          topics: source?.topics ?? [],
          group: options.group,
          lag: sumOf(lag),
        },
        outputs: sinks.map(({ name, target }) => ({
          ...node(componentOf(name), sent, errors),
          name,
          kind: target.kind,
          target: target.name,
        })),
        stages: stagesOf(nodes),
        storageRoots: options.storageRoots.map((root) => statusOf(root, readiness.body.statuses)),
        records,
        held: metrics.held.counts(),
        partitions: metrics.held.partitions(),
        paused: metrics.paused() ?? null,
        deadLetters,
        totals,
      };
    },
  };
}

/** A node's stage is one after the latest of the nodes before it. `nodes` are in the order of processing. */
function stagesOf(nodes: readonly Pick<ShownNode, 'name' | 'to'>[]): readonly (readonly string[])[] {
  const stages: string[][] = [];
  const stageOf = new Map<string, number>();
  for (const { name, to } of nodes) {
    const stage = stageOf.get(name) ?? 0;
    stages[stage] = [...(stages[stage] ?? []), name];
    for (const next of to) stageOf.set(next, Math.max(stageOf.get(next) ?? 0, stage + 1));
  }
  return stages;
}

type Counts = readonly Series[] | undefined;

/** Null when the lag of any partition is unknown. */
function sumOf(lags: Counts): number | null {
  const sum = lags?.reduce((all, { value }) => all + value, 0) ?? 0;
  return Number.isNaN(sum) ? null : sum;
}

function countOf({ label, path }: Component, counts: Counts): number {
  return counts?.find(({ labels }) => labels.label === label && labels.path === path)?.value ?? 0;
}

function statusOf({ label, path }: Component, statuses: readonly ComponentStatus[]): ComponentStatus {
  const status = statuses.find((each) => each.label === label && each.path === path);
  return status ?? { label, path, connected: false, error: 'not_connected_yet' };
}
