import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HeaderWorker } from '../../src/dicom/files/header-worker.ts';
import { ReadJob } from '../../src/dicom/files/read-job.ts';
import { WorkerSlot } from '../../src/dicom/files/worker-slot.ts';

let slot: WorkerSlot;
let nextId: number;

beforeEach(() => {
  const script = createRequire(import.meta.url).resolve('#dicom-worker');
  const settings = { storageRoots: ['/none'], fileTimeoutMs: 60_000 };
  slot = new WorkerSlot();
  slot.worker = new HeaderWorker(script, settings, { onMessage: () => undefined, onExit: () => undefined });
  nextId = 1;
});

afterEach(() => slot.worker?.endForGood());

function jobOf(files: number): ReadJob {
  const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
  const file = { tenantId: 't', path: '/none/a', size: 1, patientId: 'P', studyDate: '2025-01-01', version };
  return new ReadJob(Array(files).fill(file), 'use_message');
}

/** Its worker was lost, so that it must show whether it is the cause. */
function suspect(): ReadJob {
  const job = jobOf(50);
  job.workerLost('died', undefined);
  return job;
}

function send(job: ReadJob): number {
  slot.send(nextId, job, { mode: 'measured', leavesSlow: false, width: 128 });
  return nextId++;
}

describe('a worker', () => {
  it('has room for two batches while the storage is fast', () => {
    expect(slot.hasRoomFor(jobOf(50))).toBe(true);
    send(jobOf(50));
    expect(slot.hasRoomFor(jobOf(50))).toBe(true);
    const second = send(jobOf(50));
    expect(slot.hasRoomFor(jobOf(50))).toBe(false);
    slot.finish(second);
    expect(slot.hasRoomFor(jobOf(50))).toBe(true);
  });

  it('has room for eight times the files that it reads at the same time while the storage is slow', () => {
    slot.width = 128;
    let sent = 0;
    for (; slot.hasRoomFor(jobOf(50)); sent++) send(jobOf(50));
    expect(sent).toBe(21);
    expect(slot.takeBack()).toHaveLength(21);
    expect(slot.hasRoomFor(jobOf(50))).toBe(true);
  });

  it('gets a batch that may have ended another worker alone, and nothing beside it', () => {
    slot.width = 128;
    const other = send(jobOf(50));
    expect(slot.hasRoomFor(suspect())).toBe(false);
    slot.finish(other);
    expect(slot.hasRoomFor(suspect())).toBe(true);
    send(suspect());
    expect([slot.hasRoomFor(suspect()), slot.hasRoomFor(jobOf(50))]).toEqual([false, false]);
  });
});
