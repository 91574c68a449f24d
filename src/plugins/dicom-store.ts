/** The output `dicom_store` of Redpanda Connect: the service's database sinks. */
import type { DatabaseConfig } from '../config/config.ts';
import { type BatchOutput, type ConnectStruct, notConnected, PluginError } from '../connect-plugin/index.ts';
import { databaseDriver } from '../databases/registry.ts';
import { SinkError } from '../errors.ts';
import { createLogger } from '../ops/logger.ts';
import { errorCode } from '../ops/serialize-error.ts';
import type { Sink } from '../ports.ts';
import type { Rejection } from '../records/records.ts';
import { readStoreConfig } from './component-config.ts';
import { FailedFiles } from './failed-files.ts';
import { groupedRecords } from './stored-rows.ts';

/** Starts the output with the manifest's fields, for every driver of the registry. Nothing connects yet. */
export function startDicomStore(fields: ConnectStruct): BatchOutput {
  const config = readStoreConfig(fields);
  return createStoreOutput(createSink(config), (rejections) => logRefusals(config, rejections));
}

function createSink(config: DatabaseConfig): Sink {
  return databaseDriver(config.driver).createSink({
    name: config.driver,
    dsn: () => config.dsn.reveal(),
    connections: config.maxInFlight,
    migrate: config.migrate,
    statementTimeoutMs: config.statementTimeoutMs,
    refusedInARow: config.refusedInARow,
    options: config.options,
  });
}

const logger = createLogger();

function logRefusals({ driver }: DatabaseConfig, rejections: readonly Rejection[]): void {
  const codes = [...new Set(rejections.map(({ error }) => error.detail))];
  logger.error({ driver, records: rejections.length, codes }, 'the database refuses records, their batch is retried');
}

/** Batches that may wait for the database: those that wait share its next statement. */
const MAX_IN_FLIGHT = 64;

/**
 * Stores batches with a sink of the service. A record that the database refuses is an error of its whole batch, of which everything else is
 * stored: Connect's protocol can't report it alone.
 */
export function createStoreOutput(sink: Sink, onRefusal: (rejections: readonly Rejection[]) => void): BatchOutput {
  let connected = false;
  const failed = new FailedFiles();

  async function write(batch: Parameters<BatchOutput['send']>[0]): Promise<void> {
    const grouped = groupedRecords(batch, (version, nth) => failed.take(version, nth));
    if (grouped.length === 0) return;
    const files = grouped.map(({ file }) => file);
    const origins = grouped.map(({ file }) => file.source.origin);
    const rejections = await sink
      .write({ origins, grouped, poison: [], closedAt: performance.now() })
      .catch((error: unknown) => {
        failed.attempted(files, new Set(files));
        throw error;
      });
    failed.attempted(files, new Set(rejections.map(({ file }) => file)));
    if (rejections.length === 0) return;
    onRefusal(rejections);
    throw new PluginError(`${sink.name} refuses ${rejections.length} of ${grouped.length} files of the batch`);
  }

  return {
    maxInFlight: MAX_IN_FLIGHT,
    async connect() {
      try {
        await sink.connect();
        connected = true;
      } catch (error) {
        throw reportable(error);
      }
    },
    async send(batch) {
      if (!connected) throw notConnected(`${sink.name} is not connected`);
      try {
        await write(batch);
      } catch (error) {
        const reported = reportable(error);
        if (reported.notConnected) connected = false;
        throw reported;
      }
    },
    close: () => sink.close(),
  };
}

/** Drivers' messages may quote rows: only our own errors are shown. */
function reportable(error: unknown): PluginError {
  if (error instanceof PluginError) return error;
  if (!(error instanceof SinkError)) return new PluginError(`unexpected error (${errorCode(error)})`);
  return new PluginError(error.message, { notConnected: error.code === 'unavailable' });
}
