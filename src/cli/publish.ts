import { stat } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { ProducerConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { type PublishOptions, type PublishProgress, publishFolder } from '../publish/publish-folder.ts';
import { storedHeaderReader } from '../publish/read-stored-header.ts';
import { walkFiles } from '../publish/walk.ts';
import { CliError, EXIT } from './cli-error.ts';
import { bar, liveBlock } from './terminal/live-block.ts';
import { count } from './terminal/table.ts';

interface PublishCommandOptions {
  readonly brokers?: readonly string[];
  readonly config?: string;
  readonly topic?: string;
  readonly tenant: string;
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly storageRootAs?: string;
}

const DEFAULT_BROKER = '127.0.0.1:9092';
const DEFAULT_TOPIC = 'storage_queue';
const MAX_CONCURRENCY = 256;
// librdkafka gives a record up after 30 s; this only ends what it has forgotten.
const DEADLINE_MS = 35_000;

/** `publish DIR`: how a user without a receiver starts. One DicomStoreMeta for each DICOM file below the folder. */
export function publishCommand(): Command {
  return new Command('publish')
    .description('Publish the DicomStoreMeta of every DICOM file below a folder')
    .argument('<dir>', 'the folder; files that are not DICOM are counted and passed over')
    .option('--brokers <host:port,...>', `where to publish (default: ${DEFAULT_BROKER})`, brokerList)
    .option('--config <redpanda.yaml>', 'take brokers, TLS, SASL and topic from the input of this file instead')
    .option('--topic <name>', `the topic (default: ${DEFAULT_TOPIC}, or that of --config)`)
    .option('--tenant <id>', 'the tenant_id of the records', 'tenant1')
    .option('--concurrency <n>', 'files read at once', concurrency, 16)
    .option('--storage-root-as <path>', 'how the service sees the folder, if not under the same path: /data/dicom')
    .option('--dry-run', 'read and count, publish nothing', false)
    .addHelpText('after', '\nExits with 2 if a DICOM file could not be published; what is not DICOM is no failure.')
    .action(async (folder: string, options: PublishCommandOptions) => {
      await requireFolder(folder);
      const { topic, producer } = target(options);
      const progress = options.dryRun
        ? await publish(folder, topic, options, async () => undefined)
        : await publishTo(producer, (send) => publish(folder, topic, options, send));
      report(progress, topic, options.dryRun);
    });
}

type Send = PublishOptions['send'];

async function publish(folder: string, topic: string, options: PublishCommandOptions, send: Send) {
  const { tenant: tenantId, concurrency, storageRootAs: folderAs } = options;
  const screen = progressScreen(folder);
  try {
    return await publishFolder({
      folder,
      topic,
      tenantId,
      concurrency,
      folderAs,
      readHeader: storedHeaderReader(),
      send,
      onProgress: screen.show,
    });
  } catch (error) {
    throw new CliError(EXIT.broke, `stopped: ${errorCode(error)}; what was acknowledged before is published`);
  } finally {
    screen.end();
  }
}

async function publishTo(
  producerConfig: ProducerConfig,
  work: (send: Send) => Promise<PublishProgress>,
): Promise<PublishProgress> {
  // Only here, so that a dry run needs no native client.
  const { createProducer } = await import('../kafka/producer/producer.ts');
  const { producerSettings } = await import('../kafka/client/settings.ts');
  const config = producerSettings(producerConfig);
  const producer = createProducer({ name: 'publish', config, deadlineMs: DEADLINE_MS });
  try {
    await producer.connect();
    return await work((records) => producer.send(records));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(
      EXIT.broke,
      `no broker answers at ${producerConfig.seedBrokers.join(', ')} (${errorCode(error)})`,
    );
  } finally {
    await producer.close();
  }
}

/** Where to: a configuration's input, so that publisher and service can't disagree, or plain brokers. */
function target(options: PublishCommandOptions): { readonly topic: string; readonly producer: ProducerConfig } {
  const settings = {
    clientId: 'wado-consumer-publish',
    idempotentWrite: true,
    acks: 'all' as const,
    compression: 'lz4' as const,
    timeoutMs: 10_000,
    maxMessageBytes: 1024 * 1024,
  };
  if (options.config === undefined) {
    return {
      topic: options.topic ?? DEFAULT_TOPIC,
      producer: { ...settings, seedBrokers: options.brokers ?? [DEFAULT_BROKER] },
    };
  }
  const { input } = loadConfig(options.config);
  const { seedBrokers, tls, sasl, topics } = input;
  const security = { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
  const topic = options.topic ?? topics[0] ?? DEFAULT_TOPIC;
  return { topic, producer: { ...settings, seedBrokers, ...security } };
}

/** A bar on a terminal, for which the files are counted ahead of the reading; a line a second elsewhere. */
function progressScreen(folder: string) {
  const block = liveBlock(process.stderr);
  let total: number | undefined;
  let counting = process.stderr.isTTY === true;
  let latest: PublishProgress = { files: 0, published: 0, skipped: new Map() };
  const text = () =>
    `${count(latest.files)} files  ${count(latest.published)} published  ${count(sum(latest.skipped))} skipped`;
  const lines = () => [`${bar(latest.files, total)}  ${text()}`.trim()];

  if (counting) {
    void (async () => {
      let found = 0;
      for await (const _ of walkFiles(folder, () => undefined)) {
        if (!counting) return;
        found++;
      }
      total = found;
    })().catch(() => undefined);
  }
  return {
    show: (progress: PublishProgress) => {
      latest = progress;
      block.show(lines(), text());
    },
    end: () => {
      counting = false;
      block.end(lines(), text());
    },
  };
}

function report({ files, published, skipped }: PublishProgress, topic: string, dryRun: boolean): void {
  const done = dryRun ? `would publish ${count(published)}` : `published ${count(published)}`;
  process.stdout.write(`${done} of ${count(files)} files to ${topic}\n`);
  for (const [reason, number] of [...skipped].sort(([a], [b]) => a.localeCompare(b))) {
    process.stdout.write(`skipped ${count(number)}: ${reason}\n`);
  }
  const failed = sum(skipped) - (skipped.get('not_dicom') ?? 0);
  if (failed > 0) throw new CliError(EXIT.failures, `${count(failed)} could not be published`);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, value) => total + value, 0);
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new CliError(EXIT.usage, 'there is no such folder');
}

function brokerList(text: string): readonly string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  if (brokers.some((broker) => !/^\S+:\d+$/.test(broker)))
    throw new InvalidArgumentError('expected host:port,host:port');
  return brokers;
}

function concurrency(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_CONCURRENCY) {
    throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_CONCURRENCY}`);
  }
  return value;
}
