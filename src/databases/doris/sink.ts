/** The Apache Doris sink: loads waiting batches into the three tables of docs/tables.md, about once a second. */
import type { SinkOperation } from '../../errors.ts';
import type { Sink } from '../../ports.ts';
import { type CommonSinkOptions, createDatabaseSink, currentDsn, withDefaults } from '../database-sink.ts';
import { migrateDoris, parseDsn } from './migrate.ts';
import { openSession } from './session.ts';
import { createStreamLoader } from './stream-load.ts';
import { TableTurns } from './table-turns.ts';
import { verifyDoris } from './verify.ts';
import { createDorisWriter } from './writer.ts';

/** `dsn`: `doris://user:password@fe:8030/database?…`, as `readDorisDsn` describes. */
export interface DorisSinkOptions extends CommonSinkOptions {
  /** A load starts when its oldest batch has waited this long, in milliseconds [1000], */
  readonly loadPeriodMs?: number;
  /** or when this many bytes wait [32 MiB], which is also the maximum size of one load; a single record may exceed it. */
  readonly loadBytes?: number;
  /** Whether the body of a load is compressed [false]. */
  readonly gzip?: boolean;
}

const LOAD_PERIOD_MS = 1_000;
const LOAD_BYTES = 32 * 1024 * 1024;
const MAX_ROWS = 100_000;

/**
 * `connect()` migrates if configured and checks version, tables, columns, keys and sequence columns. `write()` resolves when all three tables
 * have committed the rows. Every error is a SinkError, classified according to docs/dispositions.md.
 */
export function createDorisSink(options: DorisSinkOptions): Sink {
  const common = withDefaults(options);
  const { name, connectTimeoutMs, statementTimeoutMs: timeoutMs, gzip = false, loadBytes = LOAD_BYTES } = common;
  const target = () => parseDsn(currentDsn(options), name);
  const open = async (operation: SinkOperation) =>
    openSession(target(), { name, operation, connectTimeoutMs, timeoutMs });
  const loader = createStreamLoader({ name, target, connectTimeoutMs, timeoutMs, gzip });
  const turns = new TableTurns();
  const settings = {
    ...common,
    maxRows: MAX_ROWS,
    maxBytes: loadBytes,
    lingerBytes: loadBytes,
    lingerMs: options.loadPeriodMs ?? LOAD_PERIOD_MS,
    // A second concurrent load helps only if it is large, too.
    enoughRows: MAX_ROWS,
    patienceMs: options.loadPeriodMs ?? LOAD_PERIOD_MS,
  };
  return createDatabaseSink(settings, {
    migrate: () => migrateDoris(currentDsn(options), { name, connectTimeoutMs }),
    async checkSchema() {
      const session = await open('connect');
      try {
        await verifyDoris(session, name, target().database);
      } finally {
        session.close();
      }
    },
    createWriter: () => createDorisWriter({ name, loader, turns, openSession: () => open('write') }),
  });
}
