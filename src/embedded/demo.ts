/** The service between an embedded broker in this process and an embedded database in a child process. */

import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { PRODUCE_DEADLINE_MS, producerSettings } from '../kafka/client/settings.ts';
import { createProducer, type Producer } from '../kafka/producer/producer.ts';
import { createLogger } from '../ops/logger.ts';
import { type Service, startService } from '../runtime/service.ts';
import { startBroker } from './broker.ts';
import { type Closers, closers } from './closers.ts';
import { connectCounter, type TableCounter, type TableCounts } from './counter.ts';
import { DEMO_GROUP, DEMO_TOPICS, demoConfig } from './demo-config.ts';
import { DATABASE_FOLDERS, type DemoDatabase, type DemoDatabaseName, startDemoDatabase } from './demo-database.ts';
import { createDemoInput, type Published } from './demo-input.ts';
import { type Sum, sumsOf } from './sums.ts';
import { committedRecords, tallyTopics } from './topic-tally.ts';

export interface DemoOptions {
  /** Folder of database, DICOM store, configuration and log. */
  readonly folder: string;
  /** Starts with an empty database and store. */
  readonly fresh: boolean;
  readonly seed: number;
  readonly database: DemoDatabaseName;
  /** `host:port` of the admin endpoints; port 0 for any. */
  readonly http: string;
}

export interface DemoProgress {
  readonly published: Published;
  /** Records acked or dead-lettered. */
  readonly done: number;
  readonly deadLetters: number;
  readonly inFlight: number;
  readonly tables: TableCounts;
}

export interface Outcome {
  readonly sums: readonly Sum[];
  /** Dead letters by their error. */
  readonly reasons: Readonly<Record<string, number>>;
}

export interface Demo {
  readonly database: Pick<DemoDatabase, 'dsn' | 'driver' | 'title'>;
  readonly url: string | undefined;
  readonly configFile: string;
  readonly logFile: string;
  publish(studies: number, signal: AbortSignal): Promise<void>;
  /** The rows are counted a few times per second at most; the other figures are current. */
  progress(): DemoProgress;
  /** Resolves with true when everything published is acknowledged; with false after half a minute without progress, or if the service has ended. */
  settled(): Promise<boolean>;
  /** Stops the service, then compares the input with the tables and topics. */
  finish(): Promise<Outcome>;
  close(): Promise<void>;
}

/** The files of the demo's folder. */
export const DEMO_FILES = {
  store: 'store',
  config: 'redpanda.yaml',
  log: 'service.log',
} as const;

const COUNT_EVERY_MS = 500;
const NO_PROGRESS_MS = 30_000;
const TALLY_WAIT_MS = 10_000;
const POLL_MS = 50;

/** Starts all parts. If one fails, those that were started are closed. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const parts = closers();
  try {
    return await assemble(options, parts);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function assemble(options: DemoOptions, parts: Closers): Promise<Demo> {
  const folder = resolve(options.folder);
  const store = join(folder, DEMO_FILES.store);
  const [database, broker] = await Promise.all([
    parts.add(
      startDemoDatabase(options.database, {
        folder: join(folder, DATABASE_FOLDERS[options.database]),
        fresh: options.fresh,
      }),
    ),
    parts.add(startBroker(Object.values(DEMO_TOPICS))),
  ]);
  if (options.fresh) await rm(store, { recursive: true, force: true });
  await mkdir(store, { recursive: true });

  const configFile = join(folder, DEMO_FILES.config);
  const text = demoConfig({ ...database, broker: broker.address, store, http: options.http });
  await writeFile(configFile, text, { mode: 0o600 });
  const config = loadConfig(configFile, { env: {} });

  const { input, ...outputs } = DEMO_TOPICS;
  const { address, partitionsPerTopic } = broker;
  const tally = await parts.add(tallyTopics({ broker: address, topics: Object.values(outputs), partitionsPerTopic }));
  const counter = await parts.add(connectCounter(database));
  const producer = await parts.add(connectedProducer(config));
  const logFile = join(folder, DEMO_FILES.log);
  const logger = createLogger({ ...config.logger, destination: createWriteStream(logFile) });
  const service = await startService(config, { logger, groupProtocol: 'consumer' });
  parts.push({ close: () => stopped(service) });

  const origin = `DEMO_${Date.now().toString(36)}`;
  const done = () => {
    const { acked, deadLettered } = service.metrics.records.read();
    return acked + deadLettered;
  };
  const source = createDemoInput({ seed: options.seed, store, origin, producer, done });
  const tables = watchTables(service, counter, origin);
  parts.push(tables);

  return {
    database,
    url: service.url,
    configFile,
    logFile,
    publish: source.publish,
    progress: () => {
      const { deadLettered, inFlight } = service.metrics.records.read();
      return {
        published: source.published,
        done: done(),
        deadLetters: deadLettered,
        inFlight,
        tables: tables.latest(),
      };
    },
    settled: () => settled(service, () => done() >= source.published.records, done),
    finish: async () => {
      await stopped(service);
      const { published } = source;
      // The tally lags a little behind the service: wait for it.
      await until(() => tally.count(outputs.deadLetter).distinct >= published.poison, TALLY_WAIT_MS);
      await until(() => tally.count(outputs.image).distinct >= published.images, TALLY_WAIT_MS);
      const deadLetters = tally.count(outputs.deadLetter);
      const sums = sumsOf(published, {
        committed: await committedRecords(address, DEMO_GROUP, input, partitionsPerTopic),
        tables: await counter.count(origin),
        states: tally.count(outputs.state),
        images: tally.count(outputs.image),
        deadLetters,
      });
      return { sums, reasons: deadLetters.errors };
    },
    close: () => parts.close(),
  };
}

async function connectedProducer(config: Config): Promise<Producer> {
  const settings = producerSettings(config.topics.producer);
  const producer = createProducer({ name: 'demo', config: settings, deadlineMs: PRODUCE_DEADLINE_MS });
  await producer.connect();
  return producer;
}

/** Why a service failed is in its log; here only its end matters. */
async function stopped(service: Service): Promise<void> {
  await service.stop().catch(() => undefined);
}

interface TableWatch {
  latest(): TableCounts;
  close(): Promise<void>;
}

/** Counts the run's rows repeatedly, for the terminal and the dashboard. */
function watchTables(service: Service, counter: TableCounter, origin: string): TableWatch {
  let latest: TableCounts = { objects: 0, studies: 0, series: 0, images: 0 };
  let counting: Promise<void> | undefined;
  const timer = setInterval(() => {
    counting ??= counter
      .count(origin)
      .then(
        (counts) => {
          latest = counts;
          const { studies, series, images } = counts;
          service.dashboard.totals({ studies, series, images });
        },
        () => undefined,
      )
      .finally(() => {
        counting = undefined;
      });
  }, COUNT_EVERY_MS);
  return {
    latest: () => latest,
    close: async () => {
      clearInterval(timer);
      await counting;
    },
  };
}

async function settled(service: Service, isDone: () => boolean, progress: () => number): Promise<boolean> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  service.done.then(end, end);
  let last = progress();
  let movedAt = performance.now();
  while (!isDone()) {
    if (ended || performance.now() - movedAt > NO_PROGRESS_MS) return false;
    await sleep(POLL_MS);
    const now = progress();
    if (now !== last) movedAt = performance.now();
    last = now;
  }
  return true;
}

async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition() && performance.now() < deadline) await sleep(POLL_MS);
}
