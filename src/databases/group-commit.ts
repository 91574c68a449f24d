/**
 * Group commit: batches that wait while every connection is busy go together in the next statement. So batches can stay small, for
 * latency, and throughput is that of large ones.
 */
import { SinkError } from '../errors.ts';
import type { GroupedRecord, Rejection } from '../records/records.ts';
import { storeOrReject } from './bisect.ts';
import { unitBytes } from './coalesce.ts';

/** One connection's worth of writing, used by one statement at a time. */
export interface DatabaseLane {
  /** Makes the rows of `units` durable, or rejects with a SinkError. */
  store(units: readonly GroupedRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface GroupCommitOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly lanes: readonly DatabaseLane[];
  /** The most records in one statement. */
  readonly maxRows: number;
  /** The most bytes of rows in one statement; a single record may exceed it. */
  readonly maxBytes: number;
  /** So many records must wait before another lane is used beside a busy one [1000], */
  readonly enoughRows?: number;
  /** or for so long, in milliseconds [50]. */
  readonly patienceMs?: number;
}

export interface GroupCommit {
  /** Resolves when every record is durable or known to be refused; rejects with a SinkError when all must be written again. */
  write(units: readonly GroupedRecord[]): Promise<readonly Rejection[]>;
  /** Rejects what still waits, and closes the lanes. */
  close(): Promise<void>;
}

/** A call of write() that isn't over: parts of it may run in several statements. */
interface Waiting {
  readonly units: readonly GroupedRecord[];
  readonly rejections: Rejection[];
  /** How many of `units` have been handed to a lane. */
  taken: number;
  /** How many of them are settled. */
  settled: number;
  readonly resolve: (rejections: readonly Rejection[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Part {
  readonly of: Waiting;
  readonly units: readonly GroupedRecord[];
}

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { lanes, enoughRows = 1_000, patienceMs = 50 } = options;
  const idle = [...lanes];
  const queue: Waiting[] = [];
  let closed = false;
  let patience: NodeJS.Timeout | undefined;

  // Two small statements side by side cost more than one that is twice as large. So another lane helps only where much waits for those that
  // are busy, or where they are held up.
  function fillIdleLanes(): void {
    while (queue.length > 0 && idle.length > 0) {
      if (idle.length < lanes.length && waitingRows() < enoughRows) {
        patience ??= setTimeout(useAnotherLane, patienceMs);
        return;
      }
      useIdleLane();
    }
  }

  function useAnotherLane(): void {
    patience = undefined;
    if (queue.length > 0) useIdleLane();
    fillIdleLanes();
  }

  function useIdleLane(): void {
    const lane = idle.pop();
    if (lane !== undefined) void run(lane, takeParts(queue, options));
  }

  function waitingRows(): number {
    return queue.reduce((rows, { units, taken }) => rows + units.length - taken, 0);
  }

  async function run(lane: DatabaseLane, parts: readonly Part[]): Promise<void> {
    try {
      const rejections = await storeOrReject(
        parts.flatMap((part) => part.units),
        (units) => lane.store(units),
      );
      const byFile = new Map(rejections.map((rejection) => [rejection.file, rejection]));
      for (const part of parts) settle(part, byFile);
    } catch (error) {
      for (const part of parts) {
        part.of.reject(error);
        leaveQueue(part.of);
      }
    } finally {
      idle.push(lane);
      fillIdleLanes();
    }
  }

  // The rest of a batch that has failed in part would be written in vain: its caller writes it anew.
  function leaveQueue(waiting: Waiting): void {
    const position = queue.indexOf(waiting);
    if (position >= 0) queue.splice(position, 1);
  }

  return {
    write(units) {
      if (closed) return Promise.reject(new SinkError(options.name, 'unavailable', 'closed'));
      if (units.length === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => {
        queue.push({ units, rejections: [], taken: 0, settled: 0, resolve, reject });
        fillIdleLanes();
      });
    },
    async close() {
      closed = true;
      clearTimeout(patience);
      for (const waiting of queue.splice(0)) waiting.reject(new SinkError(options.name, 'unavailable', 'closed'));
      await Promise.all(options.lanes.map((lane) => lane.close()));
    },
  };
}

/** What a statement still has room for. */
interface Room {
  rows: number;
  bytes: number;
  empty: boolean;
}

function takeParts(queue: Waiting[], { maxRows, maxBytes }: GroupCommitOptions): readonly Part[] {
  const parts: Part[] = [];
  const room: Room = { rows: maxRows, bytes: maxBytes, empty: true };
  for (let first = queue[0]; first !== undefined; first = queue[0]) {
    const units = takeUnits(first, room);
    if (units.length > 0) parts.push({ of: first, units });
    if (first.taken < first.units.length) break;
    queue.shift();
  }
  return parts;
}

function takeUnits(waiting: Waiting, room: Room): readonly GroupedRecord[] {
  const units: GroupedRecord[] = [];
  for (const unit of waiting.units.slice(waiting.taken)) {
    const bytes = unitBytes(unit);
    if (room.rows === 0 || (bytes > room.bytes && !room.empty)) break;
    units.push(unit);
    room.rows--;
    room.bytes -= bytes;
    room.empty = false;
  }
  waiting.taken += units.length;
  return units;
}

function settle(part: Part, rejections: ReadonlyMap<Rejection['file'], Rejection>): void {
  const { of, units } = part;
  for (const { file } of units) {
    const rejection = rejections.get(file);
    if (rejection !== undefined) of.rejections.push(rejection);
  }
  of.settled += units.length;
  if (of.settled === of.units.length) of.resolve(of.rejections);
}
