import { defer, filter, finalize, map, type OperatorFunction, type SchedulerLike, tap } from 'rxjs';
import type { DicomReadErrorCode } from '../errors.ts';
import type { HeaderReader, WaitingRecords } from '../ports.ts';
import type { GroupedBatch, ParsedRecord, StoredFile } from '../records/records.ts';
import { type Grouping, groupBatch } from './group-batch.ts';
import { takeTurns } from './take-turns.ts';
import {
  compact,
  FIRST_WAIT_MS,
  fileOf,
  MOST,
  MOST_LOOKUPS,
  TICK_MS,
  type WaitingFile,
  WaitingFiles,
} from './waiting-files.ts';

/** Concurrency and waits of the operator. */
export interface GroupOptions {
  /** Maximum number of batches whose headers are read at the same time, those of waiting records included. */
  readonly concurrency: number;
  /** How long a missing or incomplete file is retried, in milliseconds. */
  readonly fileWaitMs: number;
  readonly scheduler?: SchedulerLike;
  /** The source's view of the records that wait for their files. */
  readonly records: WaitingRecords;
  /** Called with the change of the number of records that wait for their files. */
  readonly onWaiting?: (change: number) => void;
}

/** The pause after no due record was urgent, in milliseconds. */
const URGENT_PERIOD_MS = 250;

/** How long a record had waited before an attempt, in milliseconds. */
interface Waited {
  /** Until it was due. */
  readonly untilDueMs: number;
  /** Until the attempt began. */
  readonly untilTriedMs: number;
}

/** Those of an attempt's records that have waited. */
type WaitedRecords = ReadonlyMap<ParsedRecord, Waited>;

/**
 * Reads the header of every file of a batch and groups the results: one state per series, one image per instance
 * (docs/contract.md, "Output records" and "Which record wins"). A record whose file can't be read becomes a poison record.
 * A record whose file is missing or incomplete leaves its batch, and the rest of the batch continues. The record stays
 * unacknowledged, is retried with growing pauses together with other waiting records, and becomes poison after
 * `fileWaitMs`, counted from the end of its first attempt. All time counts that it spends in queues and until an answer. Time in which the
 * storage did not answer doesn't count. A missing file is only looked up until it is there or its time is over.
 */
export function groupDicomState(
  reader: HeaderReader,
  options: GroupOptions,
): OperatorFunction<readonly ParsedRecord[], GroupedBatch> {
  const { concurrency, fileWaitMs, scheduler, records: source } = options;
  return (batches$) =>
    defer(() => {
      const waiting = new WaitingFiles(fileWaitMs, scheduler);
      /** The storage roots of which files are being looked up. */
      const lookingUp = new Set<number | undefined>();
      /** By `waiting.now`. */
      let nextUrgentAt = 0;
      const end = () => {
        resumed(waiting.end());
        revoked.unsubscribe();
        lookups.unsubscribe();
      };
      const revoked = source.revoked$.subscribe(() => changed(-waiting.keep((held) => source.isWanted(held.source))));
      const lookups = waiting.lookups$.subscribe((root) => void lookUp(root));

      function changed(change: number): void {
        if (change !== 0) options.onWaiting?.(change);
      }

      function resumed(held: readonly WaitingFile[]): void {
        source.resumes(held.map((each) => each.source));
        changed(-held.length);
      }

      /** Looks up one list of a root's files after the other: on slow storage, more of them become due meanwhile. */
      async function lookUp(root: number | undefined): Promise<void> {
        if (lookingUp.has(root)) return;
        lookingUp.add(root);
        for (
          let files = waiting.takeLookups(root, MOST_LOOKUPS);
          files.length > 0;
          files = waiting.takeLookups(root, MOST_LOOKUPS)
        ) {
          const missing = await reader
            .stillMissing?.(files.map((each) => each.path ?? fileOf(each).path))
            .catch(() => []);
          waiting.lookedUp(files, missing ?? []);
        }
        lookingUp.delete(root);
      }

      function hold(
        files: readonly StoredFile[],
        why: Pick<WaitingFile, 'reason' | 'isMissing' | 'closedAt'>,
        waited: WaitedRecords,
        waitedMs: (waited: Waited) => number = ({ untilDueMs }) => untilDueMs,
        pauseMs?: number,
      ): void {
        if (waiting.hasEnded) return;
        const wanted = files.filter((file) => source.isWanted(file.source));
        const first = wanted.filter((file) => !waited.has(file)).map((file) => file.source);
        const compacted = new Map(compact(first).map((each) => [each.origin, each]));
        for (const file of wanted) {
          const record = compacted.get(file.source.origin) ?? file.source;
          const before = waited.get(file);
          const path = why.isMissing ? file.path : undefined;
          const root = path === undefined ? undefined : reader.rootOf?.(path);
          const held = { source: record, root, path, waitedMs: before === undefined ? 0 : waitedMs(before), ...why };
          if (pauseMs === undefined) waiting.hold(held);
          else waiting.add(held, pauseMs);
        }
        source.waits(
          wanted.map((file) => file.source),
          why.reason,
        );
        changed(wanted.length);
      }

      async function attempt(
        records: readonly ParsedRecord[],
        closedAt: number,
        waited: WaitedRecords,
      ): Promise<Grouping> {
        const startedAt = waiting.now;
        const mayWait = (file: StoredFile, code: DicomReadErrorCode) => {
          const { untilDueMs = 0, untilTriedMs = 0 } = waited.get(file) ?? {};
          return (code === 'read_timeout' ? untilDueMs : untilTriedMs) < fileWaitMs;
        };
        const grouping = await groupBatch(reader, records, { mayWait, closedAt, fileWaitMs, scheduler });
        const tookMs = waiting.now - startedAt;
        const untilNow = ({ untilTriedMs }: Waited) => untilTriedMs + tookMs;
        const isMissing = reader.stillMissing !== undefined;
        hold(grouping.missing, { reason: 'file_wait', isMissing, closedAt }, waited, untilNow);
        hold(grouping.unreadable, { reason: 'file_wait', isMissing: false, closedAt }, waited, untilNow);
        hold(grouping.timedOut, { reason: 'file_wait', isMissing: false, closedAt }, waited);
        hold(grouping.notAttempted, { reason: 'storage_outage', isMissing: false, closedAt }, waited);
        hold(
          grouping.unfinished,
          { reason: 'file_wait', isMissing: false, closedAt },
          waited,
          undefined,
          FIRST_WAIT_MS,
        );
        return grouping;
      }

      async function retry(due: readonly WaitingFile[]): Promise<Grouping> {
        const waited = new Map(
          due.map((each) => [fileOf(each), { untilDueMs: each.waitedMs, untilTriedMs: waiting.waitedMs(each) }]),
        );
        return await attempt([...waited.keys()], Math.min(...due.map(({ closedAt }) => closedAt)), waited);
      }

      /** All due records are looked at, which may be many: seldom while there is none. */
      function takeUrgent(): readonly WaitingFile[] {
        if (waiting.now < nextUrgentAt) return [];
        const isUrgent = source.urgent?.();
        if (isUrgent === undefined) return [];
        const urgent = waiting.takeIf((held) => isUrgent(held.source));
        nextUrgentAt = urgent.length === 0 ? waiting.now + URGENT_PERIOD_MS : 0;
        return urgent;
      }

      /** The records for which there is no room remain due, apart from those for which others wait: in a database outage, each would hold its rows in memory. */
      function resume(): Promise<Grouping> | undefined {
        if (waiting.due === 0) return undefined;
        const resumable = source.resumable(Math.min(waiting.due, MOST));
        const due = resumable > 0 ? waiting.take(resumable) : takeUrgent();
        if (due.length === 0) return undefined;
        resumed(due);
        return retry(due);
      }

      const first$ = batches$.pipe(
        // When the source completes, no record waits any longer. Unacknowledged records are redelivered after the restart.
        tap({ complete: end }),
        map((records) => ({ records, closedAt: performance.now() })),
      );
      return takeTurns(
        first$,
        ({ records, closedAt }) => attempt(records, closedAt, new Map()),
        { ready$: waiting.due$, hasWork: () => waiting.due > 0, start: resume, periodMs: TICK_MS },
        { concurrency, scheduler },
      ).pipe(
        map(({ batch }) => batch),
        filter((batch) => batch.origins.length > 0),
        finalize(end),
      );
    });
}
