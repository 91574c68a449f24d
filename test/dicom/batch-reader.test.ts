import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchReader } from '../../src/dicom/files/batch-reader.ts';
import type { OnProgress } from '../../src/dicom/files/file-calls.ts';
import { StorageRoots } from '../../src/dicom/files/storage-roots.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

/** More than a file of fast storage takes, and as much as one of a network. */
const SLOW_MS = 5;
const ROOTS = ['fast', 'slow'];
const FILES_OF_A_ROOT = 10;

/** Storage roots of which the second answers slowly. */
class SlowSecond extends StorageRoots {
  /** The paths that were opened with a blocking call. */
  blocking: string[] = [];

  override openNow(file: string, onProgress: OnProgress): number {
    this.blocking.push(file);
    if (file.includes('/slow/')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOW_MS);
    return super.openNow(file, onProgress);
  }
}

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'batch-reader-')));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('a batch with files of a slow and of a fast storage root', () => {
  it('is read with blocking calls from the fast one, and concurrently from the slow one', async () => {
    const paths = ROOTS.flatMap((root, at) => {
      mkdirSync(join(folder, root));
      return Array.from({ length: FILES_OF_A_ROOT }, (_, n) => {
        const path = join(folder, root, `${n}.dcm`);
        writeFileSync(path, buildDicomFile({ dataSet: { ...SAMPLE, SOPInstanceUID: `1.2.3.${at}.${n}` } }));
        return path;
      });
    });
    const roots = new SlowSecond(ROOTS.map((root) => join(folder, root)));
    const reader = new BatchReader(roots, {
      timeoutMs: 60_000,
      onProgress: () => undefined,
      onFile: () => undefined,
      rootOf: (path) => ROOTS.findIndex((root) => path.includes(`/${root}/`)),
    });
    const each = <T>(value: T) => paths.map(() => value);
    const read = () =>
      reader.read({
        kind: 'batch',
        id: 1,
        mode: 'measured',
        leavesSlow: false,
        width: 32,
        tenantIds: each('t'),
        paths,
        sizes: each(1),
        patientIds: each('P'),
        studyDates: each('2026-01-01'),
        missingIdentity: 'use_message',
        times: each('2026-01-01T00:00:00.000000'),
        traceIds: paths.map((_, at) => String(at)),
      });
    /** The number of files of each root that a batch reads with blocking calls; at most one of the slow root measures it again. */
    const blocking = async () => {
      roots.blocking = [];
      expect((await read()).images.indexes).toHaveLength(paths.length);
      const [fast, slow] = ROOTS.map((root) => roots.blocking.filter((path) => path.includes(`/${root}/`)).length);
      return { fast, isSlowConcurrent: (slow ?? 0) <= 1 };
    };
    // The first files of a thread are not measured. On a busy machine, the fast root may count as slow for a while.
    await expect.poll(blocking, { timeout: 20_000 }).toEqual({ fast: FILES_OF_A_ROOT, isSlowConcurrent: true });
    roots.close();
  });
});
