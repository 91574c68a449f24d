/** The service: admin endpoints and a supervised topology. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Delivery } from '../../topology/delivery.ts';
import type { TopologyNode } from '../../topology/nodes.ts';
import type { PartialConfig } from '../config/config.ts';
import { rootChecksThatFit } from '../config/environment.ts';
import { StorageOutages } from '../dicom/files/storage-outages.ts';
import type { GroupProtocol } from '../kafka/client/settings.ts';
import { KnownTopics } from '../kafka/consumer/known-topics.ts';
import { componentOf } from '../ops/component.ts';
import { createDashboard, type Dashboard, type DashboardOptions } from '../ops/dashboard.ts';
import { createHealth } from '../ops/health.ts';
import { type AdminServer, startHttpServer } from '../ops/http.ts';
import { createLogger, type Logger } from '../ops/logger.ts';
import { createMetrics, type Series } from '../ops/metrics.ts';
import { storageRootEvents, storageRootsOf } from '../ops/observe-storage.ts';
import type { LedgerFigures } from '../ops/record-ledger.ts';
import { readVersion } from '../ops/version.ts';
import { outageLimits } from './outage-limits.ts';
import { startTopology } from './start-topology.ts';
import { type RestartPolicy, type StopResult, supervise } from './supervise.ts';

/** Options of the service that the configuration file doesn't have. */
export interface ServiceOptions extends Delivery {
  readonly logger?: Logger;
  readonly groupProtocol?: GroupProtocol;
  readonly restarts?: RestartPolicy;
}

/** The metrics of a running service; docs/operating.md has their names. */
export interface ServiceMetrics {
  /** The registry of prom-client, to be served elsewhere. */
  readonly registry: Registry;
  /** The accounting of records. */
  readonly records: {
    /** The counts now. */
    read(): LedgerFigures;
  };
  /** The current series of a metric; none if the metric doesn't exist. */
  series(name: string): Promise<readonly Series[]>;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

/** A running service. */
export interface Service {
  /** The address of the admin endpoints; undefined when `http.enabled` is false. */
  readonly url: string | undefined;
  readonly metrics: ServiceMetrics;
  readonly dashboard: Dashboard;
  /**
   * Settles when the service has ended: resolves after `stop()`, rejects after too many failures or a permanent one.
   */
  readonly done: Promise<StopResult>;
  /**
   * Stops consumption, finishes the records in flight, commits, and closes all clients. Takes at most `shutdown_delay` +
   * `shutdown_timeout` + 1 s.
   */
  stop(): Promise<StopResult>;
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts the service. Rejects only if the admin server can't listen; unavailable brokers and databases are retried.
 */
export async function startService(config: PartialConfig, options: ServiceOptions = {}): Promise<Service> {
  const logger = options.logger ?? createLogger(config.logger);
  const metrics = createMetrics();
  const health = createHealth();
  const version = readVersion();
  let nodes: readonly TopologyNode[] = [];
  const dashboard = createDashboard({ ...shownOf(config), nodes: () => nodes, version, metrics, health });
  const server: AdminServer | undefined = config.http.enabled
    ? await startHttpServer({ config: config.http, version, metrics, health, dashboard })
    : undefined;
  logger.info({ version: version.version, url: server?.url }, 'started');

  const storage = new StorageOutages({
    roots: config.group.storageRoots,
    limits: outageLimits(config.group),
    maxPendingChecks: rootChecksThatFit(),
    onChange: storageRootEvents(config.group, metrics, health, logger),
  });

  const stopping = new AbortController();
  const forced = new AbortController();

  const knownTopics = new KnownTopics();
  const nodeOptions = { groupProtocol: 'classic', ...options } as const;
  const start = () => {
    const running = startTopology(config, { metrics, health, logger, storage, knownTopics }, nodeOptions);
    nodes = running.nodes;
    return running;
  };
  const done = supervise(start, {
    policy: options.restarts,
    stop: stopping.signal,
    force: forced.signal,
    onFailure(error, failures, delayMs) {
      logger.error(
        { err: error, failures, delay_ms: Math.round(delayMs) },
        'topology failed, restarting from the committed offsets',
      );
    },
  })
    .then(
      (result) => {
        logger.info({ result }, 'stopped');
        return result;
      },
      (error: unknown) => {
        logger.fatal({ err: error }, 'topology failed, giving up');
        throw error;
      },
    )
    .finally(() => storage.close())
    .finally(() => server?.close());
  // A caller may await `done` after it has rejected.
  done.catch(() => undefined);

  async function stop(): Promise<StopResult> {
    if (!stopping.signal.aborted) {
      health.stopping();
      logger.info({ in_flight: metrics.records.read().inFlight }, 'stopping');
      await sleep(config.shutdownDelayMs);
      const deadline = setTimeout(() => forced.abort(), config.shutdownTimeoutMs);
      stopping.abort();
      done.finally(() => clearTimeout(deadline)).catch(() => undefined);
    }
    return await done;
  }

  return {
    url: server?.url,
    metrics,
    dashboard,
    done,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** What the dashboard shows of the configuration. */
function shownOf(config: PartialConfig): Pick<DashboardOptions, 'group' | 'storageRoots' | 'componentOf'> {
  return {
    group: config.input.consumerGroup,
    storageRoots: storageRootsOf(config.group),
    componentOf: (name) => componentOf(config, name),
  };
}
