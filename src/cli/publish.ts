import { stat } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ProducerConfig } from '../config/config.ts';
import { type PublishOptions, type PublishProgress, publishFolder } from '../publish/publish-folder.ts';
import { storedHeaderReader } from '../publish/read-stored-header.ts';
import { walkFiles } from '../publish/walk.ts';
import { CliError, EXIT } from './cli-error.ts';
import { print } from './output.ts';
import { publishFailure } from './publish-errors.ts';
import { brokerList, DEFAULT_BROKER, DEFAULT_TOPIC, publishTarget, type TargetOptions } from './publish-target.ts';
import { bar, liveBlock } from './terminal/live-block.ts';
import { count } from './terminal/table.ts';

interface PublishCommandOptions extends TargetOptions {
  readonly tenant: string;
  readonly concurrency: number;
  readonly dryRun?: boolean;
  readonly storageRootAs?: string;
}

const MAX_CONCURRENCY = 256;
// `publish` fails when the brokers acknowledge nothing for this long.
const DEADLINE_MS = 30_000;

/** `publish DIR`: publishes one DicomStoreMeta for each DICOM file below the folder, for users without a receiver. */
export function publishCommand(): Command {
  return new Command('publish')
    .description('Publish the DicomStoreMeta of every DICOM file below a folder')
    .argument('<dir>', 'folder to read; files that are not DICOM are counted and skipped')
    .option('--brokers <host:port,...>', `brokers (default: $KAFKA_BROKERS, or ${DEFAULT_BROKER})`, brokerList)
    .addOption(
      new Option('--config <redpanda.yaml>', 'use brokers, TLS, SASL and topic of the input in this file').conflicts(
        'brokers',
      ),
    )
    .option('--topic <name>', `topic (default: that of --config, $STORAGE_TOPIC, or ${DEFAULT_TOPIC})`)
    .option('--tenant <id>', 'tenant_id of the records', 'tenant1')
    .option('--concurrency <n>', 'files read concurrently', concurrency, 16)
    .option('--storage-root-as <path>', 'path of the folder as the service sees it, if different, such as /data/dicom')
    .option('--dry-run', 'read and count files without publishing')
    .addHelpText(
      'after',
      '\nExits with 2 if a DICOM file could not be published. Files that are not DICOM do not count as failures.',
    )
    .action(async (folder: string, options: PublishCommandOptions) => {
      await requireFolder(folder);
      const { topic, producer } = publishTarget(options);
      const dryRun = options.dryRun === true;
      const progress = dryRun
        ? await publish(folder, topic, options, async () => undefined)
        : await publishTo(topic, producer, (send) => publish(folder, topic, options, send));
      await report(progress, topic, dryRun);
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
  } finally {
    screen.end();
  }
}

async function publishTo(
  topic: string,
  producerConfig: ProducerConfig,
  work: (send: Send) => Promise<PublishProgress>,
): Promise<PublishProgress> {
  // Imported here so that a dry run needs no native client.
  const { createProducer } = await import('../kafka/producer/producer.ts');
  const { producerSettings } = await import('../kafka/client/settings.ts');
  const config = producerSettings(producerConfig);
  const producer = createProducer({ name: 'publish', config, deadlineMs: DEADLINE_MS });
  let published = 0;
  try {
    await producer.connect(topic);
    return await work(async (records) => {
      await producer.send(records);
      published += records.length;
    });
  } catch (error) {
    throw publishFailure(error, topic, producerConfig.seedBrokers, published);
  } finally {
    await producer.close();
  }
}

/** A progress bar on a terminal, with the files counted in advance; elsewhere one line a second. */
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

async function report({ files, published, skipped }: PublishProgress, topic: string, dryRun: boolean): Promise<void> {
  const done = dryRun ? `would publish ${count(published)}` : `published ${count(published)}`;
  await print(`${done} of ${count(files)} files to ${topic}\n`);
  for (const [reason, number] of [...skipped].sort(([a], [b]) => a.localeCompare(b))) {
    await print(`skipped ${count(number)}: ${reason}\n`);
  }
  const failed = sum(skipped) - (skipped.get('not_dicom') ?? 0);
  if (failed > 0) throw new CliError(EXIT.failures, `${count(failed)} could not be published`);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, value) => total + value, 0);
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new CliError(EXIT.usage, `there is no folder ${folder}`);
}

function concurrency(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_CONCURRENCY) {
    throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_CONCURRENCY}`);
  }
  return value;
}
