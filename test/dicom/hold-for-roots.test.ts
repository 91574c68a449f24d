import { describe, expect, it } from 'vitest';
import { holdForRoots } from '../../src/dicom/files/hold-for-roots.ts';
import { DicomReadError, type DicomReadErrorCode } from '../../src/errors.ts';
import type { HeaderReader } from '../../src/ports.ts';

const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };

async function heldCodes(codes: readonly DicomReadErrorCode[], path: string): Promise<readonly DicomReadErrorCode[]> {
  const reader: HeaderReader = {
    read: async () => ({
      states: [],
      images: [],
      failures: codes.map((code) => ({ index: 0, error: new DicomReadError(code) })),
    }),
    close: async () => undefined,
  };
  const held = holdForRoots(reader, { isUnusable: (file) => file.startsWith('/lost/') });
  const { failures } = await held.read([
    { tenantId: 't', path, size: 1, patientId: 'P', studyDate: '2025-01-01', version },
  ]);
  return failures.filter(({ notAttempted }) => notAttempted === true).map(({ error }) => error.code);
}

const STORAGE: readonly DicomReadErrorCode[] = ['file_missing', 'file_unreadable', 'read_failed', 'read_timeout'];

describe('files below an unusable storage root', () => {
  it('count as not attempted, so that no waiting time passes for them', async () => {
    expect(await heldCodes(STORAGE, '/lost/a.dcm')).toEqual(STORAGE);
  });

  it('are still refused for faults of their own', async () => {
    expect(await heldCodes(['outside_storage_roots', 'not_dicom', 'truncated'], '/lost/a.dcm')).toEqual([]);
  });

  it('are told from missing files below a root that can be used', async () => {
    expect(await heldCodes(STORAGE, '/good/a.dcm')).toEqual([]);
  });
});
