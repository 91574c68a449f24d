/** The processor `group_dicom_state` of Redpanda Connect: the operator of the same name, one batch per call. */
import { Subject } from 'rxjs';
import type { GroupConfig } from '../config/config.ts';
import { readsThatFit, rootChecksThatFit } from '../config/environment.ts';
import { type BatchProcessor, type ConnectMessage, type ConnectStruct, PluginError } from '../connect-plugin/index.ts';
import { holdForRoots } from '../dicom/files/hold-for-roots.ts';
import { createHeaderPool } from '../dicom/files/pool.ts';
import { StorageOutages } from '../dicom/files/storage-outages.ts';
import { groupDicomState } from '../operators/group-dicom-state.ts';
import { parseRecord } from '../operators/parse-records.ts';
import { createHealth } from '../ops/health.ts';
import { createLogger, type Logger } from '../ops/logger.ts';
import { createMetrics } from '../ops/metrics.ts';
import { reportWorkerLoss } from '../ops/observe.ts';
import { storageRootEvents } from '../ops/observe-storage.ts';
import { errorCode } from '../ops/serialize-error.ts';
import type { HeaderReader, WaitingRecords } from '../ports.ts';
import type { ParsedRecord } from '../records/records.ts';
import { outageLimits } from '../runtime/outage-limits.ts';
import { readGroupConfig } from './component-config.ts';
import { divide, GroupCall, MessageOrigin, messageOrigin } from './group-call.ts';
import { consumedValue, outputMessages } from './output-messages.ts';

/** Starts the processor with the manifest's fields. It reads headers in worker threads, as the service does. */
export function startGroupDicomState(fields: ConnectStruct): BatchProcessor {
  return openGroupProcessor(readGroupConfig(fields), createLogger());
}

/** Opens the processor with its worker threads. `close()` ends them. */
export function openGroupProcessor(config: GroupConfig, logger: Logger): BatchProcessor {
  const { reader, close } = openReader(config, logger);
  return createGroupProcessor(reader, config, close);
}

function openReader(
  config: GroupConfig,
  logger: Logger,
): { readonly reader: HeaderReader; readonly close: () => Promise<void> } {
  const metrics = createMetrics();
  const storage = new StorageOutages({
    roots: config.storageRoots,
    limits: outageLimits(config),
    maxPendingChecks: rootChecksThatFit(),
    onChange: storageRootEvents(config, metrics, createHealth(), logger),
  });
  const pool = createHeaderPool({
    ...config,
    readsInFlight: readsThatFit(config.readsInFlight),
    onWorkerLost: reportWorkerLoss(metrics.processor(config), logger),
  });
  return {
    reader: holdForRoots(pool, storage, { judgeMissing: config.missingFiles === 'wait' }),
    async close() {
      storage.close();
      await pool.close();
    },
  };
}

/** Waits and concurrency of the operator. */
type GroupSettings = Pick<GroupConfig, 'concurrency' | 'fileWaitMs'>;

/**
 * Groups each batch with the operator that the service uses. A call is answered when each of its records has its rows or is poison: a batch
 * with a missing file waits for it, at most `file_wait`, because Connect can't acknowledge the others without it.
 */
export function createGroupProcessor(
  reader: HeaderReader,
  { concurrency, fileWaitMs }: GroupSettings,
  closeReader: () => Promise<void> = () => reader.close(),
): BatchProcessor {
  const calls = new Set<GroupCall>();
  const ended$ = new Subject<void>();
  const waiting: WaitingRecords = {
    revoked$: ended$,
    isWanted: ({ origin }) => !messageOrigin(origin).call.ended,
    resumable: (due) => due,
    waits: () => undefined,
    resumes: () => undefined,
  };
  let batches$ = operate();

  function operate(): Subject<readonly ParsedRecord[]> {
    const input$ = new Subject<readonly ParsedRecord[]>();
    input$.pipe(groupDicomState(reader, { concurrency, fileWaitMs, records: waiting })).subscribe({
      next: (batch) => void divide(batch),
      error: (error: unknown) => {
        batches$ = operate();
        failAll(`headers can't be read (${errorCode(error)})`);
      },
    });
    return input$;
  }

  function failAll(message: string): void {
    for (const call of calls) call.fail(new PluginError(message));
  }

  return {
    async processBatch(batch, { signal }) {
      if (batch.length === 0) return [];
      const call = new GroupCall(batch.length);
      const cancel = () => {
        call.fail(new PluginError('the call was cancelled'));
        ended$.next();
      };
      calls.add(call);
      signal.addEventListener('abort', cancel, { once: true });
      try {
        batches$.next(batch.map((message) => parse(call, message)));
        return outputMessages(await call.result);
      } finally {
        signal.removeEventListener('abort', cancel);
        calls.delete(call);
      }
    },
    async close() {
      batches$.complete();
      failAll('the plugin is closing');
      await closeReader();
    },
  };
}

function parse(call: GroupCall, message: ConnectMessage): ParsedRecord {
  return parseRecord({
    origin: new MessageOrigin(call, message),
    key: null,
    value: consumedValue(message),
    headers: [],
  });
}
