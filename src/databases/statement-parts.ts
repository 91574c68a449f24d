/** The content of the next statement: parts of the waiting batches, within the limits of records and bytes. */
import type { Rejection, StoredFile } from '../records/records.ts';
import type { BatchProgress } from './batch-progress.ts';
import { recordBytes } from './coalesce.ts';

/** A batch whose write() has not settled. */
export interface WaitingBatch {
  readonly progress: BatchProgress;
  /** The files that are in no statement yet. */
  files: readonly StoredFile[];
  /** Whether a part of it is in a statement. The next part waits, because rows of this one may cover its rows. */
  running: boolean;
  /** When write() was called, by performance.now(). */
  readonly arrivedAt: number;
  readonly resolve: (rejections: readonly Rejection[]) => void;
  readonly reject: (error: unknown) => void;
}

/** The files of one batch that a statement contains. */
export interface Part {
  readonly of: WaitingBatch;
  readonly files: readonly StoredFile[];
}

/** The limits of one statement. */
export interface StatementCaps {
  readonly maxRows: number;
  /** A single record may exceed it. */
  readonly maxBytes: number;
}

/** The remaining room of a statement. */
interface Room {
  rows: number;
  bytes: number;
  empty: boolean;
}

/** The size of the rows of a batch that are in no statement yet. */
export function waitingBytes({ progress, files }: WaitingBatch): number {
  return files.reduce((bytes, file) => bytes + bytesOf(progress, file), 0);
}

function bytesOf(progress: BatchProgress, file: StoredFile): number {
  const record = progress.recordOf(file);
  return record === undefined ? 0 : recordBytes(record);
}

/** Takes the files that fit into one statement from the front of `queue`. Removes batches without further files. */
export function takeParts(queue: WaitingBatch[], { maxRows, maxBytes }: StatementCaps): readonly Part[] {
  const parts: Part[] = [];
  const room: Room = { rows: maxRows, bytes: maxBytes, empty: true };
  for (const waiting of queue) {
    if (waiting.running) continue;
    const files = takeFiles(waiting, room);
    if (files.length > 0) {
      waiting.running = true;
      parts.push({ of: waiting, files });
    }
    if (waiting.files.length > 0) break;
  }
  for (const { of } of parts) if (of.files.length === 0) queue.splice(queue.indexOf(of), 1);
  return parts;
}

function takeFiles(waiting: WaitingBatch, room: Room): readonly StoredFile[] {
  let taken = 0;
  for (const file of waiting.files) {
    const bytes = bytesOf(waiting.progress, file);
    if (room.rows === 0 || (bytes > room.bytes && !room.empty)) break;
    taken++;
    room.rows--;
    room.bytes -= bytes;
    room.empty = false;
  }
  const files = waiting.files.slice(0, taken);
  waiting.files = waiting.files.slice(taken);
  return files;
}
