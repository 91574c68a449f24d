import { describe, expect, it } from 'vitest';
import { type HoldOptions, holdForRoots, type Outages } from '../../src/dicom/files/hold-for-roots.ts';
import type { Outcome } from '../../src/dicom/files/root-outcomes.ts';
import { StorageOutages } from '../../src/dicom/files/storage-outages.ts';
import { DicomReadError, type DicomReadErrorCode } from '../../src/errors.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { observeReader } from '../../src/ops/observe.ts';
import type { HeaderFailure, HeaderReader } from '../../src/ports.ts';
import type { FileToRead } from '../../src/records/records.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';

const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
const fileAt = (path: string): FileToRead => ({
  tenantId: 't',
  path,
  size: 1,
  patientId: 'P',
  studyDate: '2025-01-01',
  version,
});

/** Outages below `/lost/`; records what is reported. */
function createOutages({ mayTry = () => true }: { mayTry?: (file: { path: string }) => boolean } = {}) {
  const seen: [path: string, outcome: Outcome, code: string | undefined][] = [];
  const outages: Outages = {
    any: true,
    isUnusable: (file) => file.startsWith('/lost/'),
    wasUsable: async (file) => !file.startsWith('/lost/mount/'),
    mayTry,
    add: ({ path }, outcome, code) => seen.push([path, outcome, code]),
    update: () => undefined,
  };
  return { seen, outages };
}

function failing(failures: readonly Omit<HeaderFailure, 'index'>[]): HeaderReader {
  return {
    read: async () => ({ states: [], images: [], failures: failures.map((each, index) => ({ index, ...each })) }),
    close: async () => undefined,
  };
}

async function heldCodes(codes: readonly DicomReadErrorCode[], path: string, systemCode?: string) {
  const reader = failing(
    codes.map((code) => ({ error: new DicomReadError(code), ...(systemCode === undefined ? {} : { systemCode }) })),
  );
  const held = holdForRoots(reader, createOutages().outages);
  const { failures } = await held.read(codes.map(() => fileAt(path)));
  return failures.filter(({ notAttempted }) => notAttempted === true).map(({ error }) => error.code);
}

async function reported(failures: readonly Omit<HeaderFailure, 'index'>[], options?: HoldOptions) {
  const { seen, outages } = createOutages();
  await holdForRoots(failing(failures), outages, options).read(failures.map((_, n) => fileAt(`/good/${n}`)));
  return seen.map(([, outcome, code]) => [outcome, code]);
}

const OWN: readonly DicomReadErrorCode[] = ['outside_storage_roots', 'not_a_regular_file', 'not_dicom', 'truncated'];
const STORAGE: readonly DicomReadErrorCode[] = ['file_missing', 'file_unreadable', 'read_failed', 'read_timeout'];

describe('files below an unusable storage root', () => {
  it('count as not attempted, so that no waiting time passes for them', async () => {
    expect(await heldCodes(STORAGE, '/lost/a.dcm')).toEqual(STORAGE);
  });

  it('are still refused for faults of their own while the check of the root itself finds no fault', async () => {
    expect(await heldCodes(OWN, '/lost/a.dcm')).toEqual([]);
  });

  it('are refused for nothing while the check of the root itself finds a fault, and say nothing about it', async () => {
    expect(await heldCodes([...OWN, ...STORAGE], '/lost/mount/a.dcm')).toEqual([...OWN, ...STORAGE]);
    const { seen, outages } = createOutages();
    const reader = failing(OWN.map((code) => ({ error: new DicomReadError(code) })));
    await holdForRoots(reader, outages).read(OWN.map((_, n) => fileAt(`/lost/mount/${n}`)));
    expect(seen).toEqual([]);
  });

  it('are refused only after their root was checked once more, as of the time before they were opened', async () => {
    const checked: [file: string, since: number][] = [];
    const wasUsable: Outages['wasUsable'] = async (file, since) => {
      checked.push([file, since]);
      return false;
    };
    let openedAt = 0;
    const reader: HeaderReader = {
      ...failing([]),
      read: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        openedAt = performance.now();
        return { states: [], images: [], failures: [{ index: 0, error: new DicomReadError('not_a_regular_file') }] };
      },
    };
    const held = holdForRoots(reader, { ...createOutages().outages, any: false, wasUsable });
    const { failures } = await held.read([fileAt('/good/a.dcm')]);
    expect(failures.map(({ notAttempted }) => notAttempted)).toEqual([true]);
    expect(checked.map(([file]) => file)).toEqual(['/good/a.dcm']);
    expect(checked[0]?.[1]).toBeLessThan(openedAt);
  });

  it('are told from missing files below a root that can be used', async () => {
    expect(await heldCodes(STORAGE, '/good/a.dcm')).toEqual([]);
  });

  it('keep their places when some of them are not tried', async () => {
    const { outages } = createOutages({ mayTry: ({ path }) => !path.startsWith('/lost/') });
    const files = ['/lost/1', '/s1/a/2', '/lost/3', '/s1/b/4', '/s1/b/5'].map(fileAt);
    const failures = new Map<string, DicomReadErrorCode>([['/s1/b/5', 'not_dicom']]);
    const headers = await holdForRoots(createMemoryReader({ failures }), outages).read(files);
    expect(headers.images.map(({ index }) => index).sort()).toEqual([1, 3]);
    expect(headers.failures.map(({ index, notAttempted }) => [index, notAttempted === true]).sort()).toEqual([
      [0, true],
      [2, true],
      [4, false],
    ]);
  });

  it('are not passed to the reader at all when none of them is tried', async () => {
    const { outages, seen } = createOutages({ mayTry: () => false });
    const reader: HeaderReader = {
      read: () => Promise.reject(new Error('must not be called')),
      close: async () => undefined,
    };
    const { failures } = await holdForRoots(reader, outages).read([fileAt('/lost/1'), fileAt('/lost/2')]);
    expect(failures.map(({ index, notAttempted }) => [index, notAttempted])).toEqual([
      [0, true],
      [1, true],
    ]);
    expect(seen).toEqual([]);
  });
});

describe('an error of the storage', () => {
  it('that no file can cause holds its record also below a root that can be used', async () => {
    for (const code of ['ENOTCONN', 'EHOSTDOWN', 'ETIMEDOUT', 'EMFILE'])
      expect(await heldCodes(['read_failed'], '/good/a.dcm', code), code).toEqual(['read_failed']);
  });

  it('that one file can cause does not', async () => {
    for (const code of ['EIO', 'ESTALE', 'EUCLEAN'])
      expect(await heldCodes(['read_failed'], '/good/a.dcm', code), code).toEqual([]);
  });
});

describe('the state of the roots', () => {
  it('is drawn from missing files, unreadable files and errors, and from every file that could be opened', async () => {
    const codes: DicomReadErrorCode[] = [...STORAGE, 'not_dicom', 'truncated', 'not_a_regular_file'];
    const failures = codes.map((code) => ({ error: new DicomReadError(code), systemCode: 'CODE' }));
    expect((await reported(failures)).map(([outcome]) => outcome)).toEqual([
      ...['missing', 'missing', 'failing', 'failing'],
      ...['found', 'found', 'found'],
    ]);
  });

  it('is not drawn from files outside of the roots, nor from those that were not attempted or are still being read', async () => {
    const outside = { error: new DicomReadError('outside_storage_roots') };
    const notAttempted = { error: new DicomReadError('read_timeout'), notAttempted: true };
    const unfinished = { error: new DicomReadError('read_timeout'), unfinished: true };
    expect(await reported([outside, notAttempted, unfinished])).toEqual([]);
  });

  it('is drawn from missing files as answers of the storage only, when the topic may name deleted ones', async () => {
    const failures = [
      { error: new DicomReadError('file_missing'), systemCode: 'ENOENT' },
      { error: new DicomReadError('read_failed'), systemCode: 'EIO' },
    ];
    expect(await reported(failures, { judgeMissing: false })).toEqual([
      ['found', 'ENOENT'],
      ['failing', 'EIO'],
    ]);
  });

  it('is good again after errors when the storage answers, even if every file was deleted', async () => {
    const outages = new StorageOutages({
      roots: ['/good'],
      limits: { share: 0.95, files: 200, settleMs: 0 },
      onChange: () => undefined,
      probe: async () => undefined,
    });
    try {
      const attempt = async (code: DicomReadErrorCode, from: number) => {
        const files = Array.from({ length: 20 }, (_, n) => fileAt(`/good/${from + n}`));
        const reader = failing(files.map(() => ({ error: new DicomReadError(code) })));
        const { failures } = await holdForRoots(reader, outages, { judgeMissing: false }).read(files);
        return failures.filter(({ notAttempted }) => notAttempted === true).length;
      };
      expect(await attempt('read_failed', 0)).toBe(20);
      await attempt('file_missing', 20);
      expect(outages.any).toBe(false);
      expect(await attempt('file_missing', 40)).toBe(0);
    } finally {
      outages.close();
    }
  });
});

describe('awaited files', () => {
  it('are not looked up below an unusable root, where a missing file may exist', async () => {
    const lookedUp: (readonly string[])[] = [];
    const reader: HeaderReader = {
      ...failing([]),
      stillMissing: async (paths) => {
        lookedUp.push(paths);
        return paths.map((path) => !path.endsWith('/there'));
      },
    };
    const held = holdForRoots(reader, createOutages().outages);
    const paths = ['/lost/a', '/good/a', '/good/there', '/lost/b'];
    expect(await held.stillMissing?.(paths)).toEqual([undefined, true, false, undefined]);
    expect(lookedUp).toEqual([['/good/a', '/good/there']]);
  });

  it('count as unknown when their root becomes unusable while they are looked up', async () => {
    const lost = new Set<string>();
    const outages: Outages = { ...createOutages().outages, isUnusable: (file) => lost.has(file) };
    const reader: HeaderReader = {
      ...failing([]),
      stillMissing: async (paths) => {
        lost.add('/a');
        return paths.map(() => true);
      },
    };
    expect(await holdForRoots(reader, outages).stillMissing?.(['/a', '/b'])).toEqual([undefined, true]);
  });

  it('have the roots that the reader names', () => {
    const reader: HeaderReader = { ...failing([]), rootOf: (path) => path.length };
    const metrics = createMetrics().processor({ label: '', path: '' });
    expect(observeReader(holdForRoots(reader, createOutages().outages), metrics).rootOf?.('/a')).toBe(2);
  });

  it('can be looked up only if the reader can', () => {
    expect(holdForRoots(failing([]), createOutages().outages).stillMissing).toBeUndefined();
  });
});
