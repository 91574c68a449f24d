import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { StorageOutages } from '../../src/dicom/files/storage-outages.ts';
import { KnownTopics } from '../../src/kafka/consumer/known-topics.ts';
import { createBatchLog } from '../../src/ops/batch-log.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import type { Sink, Transaction } from '../../src/ports.ts';
import { outageLimits } from '../../src/runtime/outage-limits.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { buildNodes, type NodeOptions } from '../../topology/build-nodes.ts';
import type { Output } from '../../topology/compose.ts';
import type { ExactlyOnceServiceNodes, ServiceNodes } from '../../topology/delivery.ts';
import { settingsOf } from '../../topology/outline.ts';
import { readHeaders, type Settings } from '../../topology/topology.ts';

const SECOND = 1_000;

function configWith(...sets: readonly string[]): Config {
  return loadConfig('redpanda.yaml', { env: { KAFKA_BROKERS: '127.0.0.1:1', STORAGE_ROOT: '/nowhere' }, sets });
}

/** The nodes of the service with one sink of the test's, whose writes never end, under the name of the first database. */
function withSilentSink(config: Config, work: (node: Silent) => Promise<void>): Promise<void> {
  const topology = ({ source, reader, databases, deadLetters, offsets }: ServiceNodes, settings: Settings) =>
    readHeaders(source, reader, settings)
      .forkTo({ sinks: databases.map(({ name }) => silent(name)), deadLetters }, settings)
      .commitTo(offsets);
  return withSilent(config, { groupProtocol: 'classic', topology }, work, async (outputs) => {
    const sink = outputs.find(({ name }) => name === config.databases[0]?.label) as Sink | undefined;
    if (sink === undefined) throw new Error('the topology lacks the sink');
    await sink.connect();
    void sink.write(batchOf([{}]));
    return sink.name;
  });
}

/** The nodes of the service with `--exactly-once`, whose transactions never end. */
function withSilentTransaction(config: Config, work: (node: Silent) => Promise<void>): Promise<void> {
  const topology = (nodes: ExactlyOnceServiceNodes, settings: Settings) =>
    readHeaders(nodes.source, nodes.reader, settings)
      .forkTo({ sinks: nodes.databases.map(({ name }) => silent(name)) }, settings)
      .commitIn({ ...nodes.transaction, ...silent('transaction'), commit: () => new Promise(() => undefined) });
  const options = { groupProtocol: 'classic', exactlyOnce: true, exactlyOnceTopology: topology } as const;
  return withSilent(config, options, work, async (outputs) => {
    const transaction = outputs.find(({ name }) => name === 'transaction') as Transaction | undefined;
    if (transaction === undefined) throw new Error('the topology lacks the transaction');
    await transaction.connect();
    void transaction.commit([batchOf([{}])]);
    return 'state_topic';
  });
}

const silent = (name: string) => ({
  name,
  connect: async () => undefined,
  write: () => new Promise<readonly never[]>(() => undefined),
  close: async () => undefined,
});

/** `write` writes to the outputs and returns the label of one of them. */
async function withSilent(
  config: Config,
  options: NodeOptions,
  work: (node: Silent) => Promise<void>,
  write: (outputs: readonly Output[]) => Promise<string>,
): Promise<void> {
  const lines: unknown[] = [];
  const addLine = (line: string) => {
    const { sink, msg }: Record<string, unknown> = JSON.parse(line);
    if (sink !== undefined) lines.push(msg);
  };
  const logger = createLogger({ level: 'warn', destination: { write: addLine } });
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
  const nodes = buildNodes(config, operations, options);
  const composed = nodes.compose(settingsOf(config, () => 0));
  const name = await write(composed.outputs);
  const error = () => health.readiness().body.statuses.find(({ label }) => label === name)?.error;
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
    await work({ name, lines, error, close });
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

describe('an output that does not answer a write', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ['the statement_timeout of a database and 10 s', [`${DATABASE}.statement_timeout=7s`], 17],
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

  it('is logged once for a transaction, not once for each of its topics, all of which are not ready', async () => {
    await withSilentTransaction(configWith(), async ({ lines, error }) => {
      await vi.advanceTimersByTimeAsync(31 * SECOND);
      expect(error()).toBe('no acknowledgement');
      expect(lines).toEqual(['transaction has acknowledged nothing for 30 s, although a write is pending']);
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
