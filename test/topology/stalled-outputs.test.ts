import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { StorageOutages } from '../../src/dicom/files/storage-outages.ts';
import { KnownTopics } from '../../src/kafka/consumer/known-topics.ts';
import { createBatchLog } from '../../src/ops/batch-log.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import type { Sink } from '../../src/ports.ts';
import { outageLimits } from '../../src/runtime/outage-limits.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { buildNodes } from '../../topology/build-nodes.ts';
import type { ServiceNodes } from '../../topology/delivery.ts';
import { settingsOf } from '../../topology/outline.ts';
import { readHeaders, type Settings } from '../../topology/topology.ts';

const SECOND = 1_000;

function configWith(...sets: readonly string[]): Config {
  return loadConfig('redpanda.yaml', { env: { KAFKA_BROKERS: '127.0.0.1:1', STORAGE_ROOT: '/nowhere' }, sets });
}

/** The nodes of the service with one sink of the test's, whose writes never end, under the name of the first database. */
async function withSilentSink(config: Config, work: (node: Silent) => Promise<void>): Promise<void> {
  const lines: unknown[] = [];
  const write = (line: string) => {
    const { sink, msg }: Record<string, unknown> = JSON.parse(line);
    if (sink !== undefined) lines.push(msg);
  };
  const logger = createLogger({ level: 'warn', destination: { write } });
  const [metrics, health] = [createMetrics(), createHealth()];
  const storage = new StorageOutages({ roots: [], limits: outageLimits(config.group), onChange: () => undefined });
  const operations = {
    metrics,
    health,
    logger,
    storage,
    batchLog: createBatchLog(logger),
    knownTopics: new KnownTopics(),
  };
  const silent = (name: string) => ({
    name,
    connect: async () => undefined,
    write: () => new Promise<readonly never[]>(() => undefined),
    close: async () => undefined,
  });
  const topology = ({ source, reader, databases, deadLetters, offsets }: ServiceNodes, settings: Settings) =>
    readHeaders(source, reader, settings)
      .forkTo({ sinks: databases.map(({ name }) => silent(name)), deadLetters }, settings)
      .commitTo(offsets);
  const nodes = buildNodes(config, operations, { groupProtocol: 'classic', topology });
  const composed = nodes.compose(settingsOf(config, () => 0));
  const sink = composed.outputs.find(({ name }) => name === config.databases[0]?.label) as Sink | undefined;
  if (sink === undefined) throw new Error('the topology lacks the sink');
  await sink.connect();
  const error = () => health.readiness().body.statuses.find(({ label }) => label === sink.name)?.error;
  void sink.write(batchOf([{}]));
  const close = async () => {
    let closed = false;
    const closing = nodes.close().finally(() => {
      closed = true;
    });
    // Some of the clients wait for their own time, others for threads.
    while (!closed) {
      await vi.advanceTimersByTimeAsync(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closing;
  };
  try {
    await work({ name: sink.name, lines, error, close });
  } finally {
    await close();
    storage.close();
  }
}

interface Silent {
  readonly name: string;
  /** The messages about sinks in the log. */
  readonly lines: readonly unknown[];
  error(): string | undefined;
  close(): Promise<void>;
}

const DATABASE = 'output.reject_errored.broker.outputs.0.dicom_store';

describe('a database of the configuration that does not answer a write', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ['its statement_timeout and 10 s', [`${DATABASE}.statement_timeout=7s`], 17],
    [
      'these and its load_period, in Doris',
      [
        `${DATABASE}.driver=doris`,
        `${DATABASE}.dsn=doris://root@localhost:8030/dicom`,
        `${DATABASE}.statement_timeout=7s`,
        `${DATABASE}.load_period=20s`,
      ],
      37,
    ],
  ])('is not ready, and logged, after %s', async (_, set, seconds) => {
    await withSilentSink(configWith(...set), async ({ name, lines, error }) => {
      await vi.advanceTimersByTimeAsync((seconds - 1) * SECOND);
      expect([error(), lines]).toEqual([undefined, []]);
      await vi.advanceTimersByTimeAsync(2 * SECOND);
      expect(error()).toBe('no acknowledgement');
      const text = `${name} has acknowledged nothing for ${seconds} s, although a write is pending`;
      expect(lines).toEqual([text]);
    });
  });

  it('reports nothing once the topology is closed: its successor reports under the same name', async () => {
    await withSilentSink(configWith(), async ({ lines, error, close }) => {
      await close();
      await vi.advanceTimersByTimeAsync(120 * SECOND);
      expect([error(), lines]).toEqual([undefined, []]);
    });
  });
});
