import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchReader } from '../../src/dicom/files/batch-reader.ts';
import { StorageRoots } from '../../src/dicom/files/storage-roots.ts';
import { compareVersions, type Version } from '../../src/records/version.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { SAMPLE } from '../dicom/sample.ts';

const traceId = fc.string({
  unit: fc.constantFrom('a', 'B', '0', '\u{ff5e}', '\u{1f600}', '\u{e000}', 'é'),
  maxLength: 4,
});
const version = fc.record({
  time: fc.constantFrom('2026-01-01T00:00:00.000000', '2026-01-01T00:00:00.000001'),
  traceId,
});
const codePoints = (text: string) => [...text].map((character) => character.codePointAt(0) ?? 0);

/** Code point order, which is the order of UTF-8 bytes, written a second time. */
function byCodePoints(a: string, b: string): number {
  const [left, right] = [codePoints(a), codePoints(b)];
  const at = left.findIndex((point, position) => point !== right[position]);
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}

function byTimeAndCodePoints(a: Version, b: Version): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return byCodePoints(a.traceId, b.traceId);
}

describe('compareVersions', () => {
  it('puts U+FF5E before U+1F600 between equal times, as UTF-8 bytes do', () => {
    const at = (id: string): Version => ({ time: '2026-01-01T00:00:00.000000', traceId: id });
    expect(compareVersions(at('\u{ff5e}'), at('\u{1f600}'))).toBeLessThan(0);
    expect(compareVersions(at('\u{1f600}'), at('\u{ff5e}'))).toBeGreaterThan(0);
  });

  it('lets the time decide before the trace id', () => {
    const [older, newer] = ['2026-01-01T00:00:00.000000', '2026-01-01T00:00:00.000001'];
    expect(compareVersions({ time: older, traceId: 'z' }, { time: newer, traceId: 'a' })).toBeLessThan(0);
  });

  it('orders any two versions by time, then by code points', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(byTimeAndCodePoints(a, b)));
      }),
    );
  });
});

describe('the newest file of a series, by time and code points,', () => {
  const greatest = (versions: readonly Version[]) => versions.reduce((a, b) => (byTimeAndCodePoints(b, a) > 0 ? b : a));

  it('is the same for the memory reader', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(version, { minLength: 1, maxLength: 8 }), async (versions) => {
        const files = versions.map((one) => ({
          tenantId: 't',
          path: '/1/2/3',
          size: 1,
          patientId: 'P',
          studyDate: '2026-01-01',
          version: one,
        }));
        const { states } = await createMemoryReader().read(files);
        expect(versions[states[0]?.index ?? -1]).toEqual(greatest(versions));
      }),
    );
  });

  it('is the same for the header reader, and its rows carry that version', async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'versions-')));
    const path = join(folder, 'a.dcm');
    writeFileSync(path, buildDicomFile({ dataSet: SAMPLE }));
    const nothing = () => undefined;
    const reader = new BatchReader(new StorageRoots([folder]), {
      timeoutMs: 60_000,
      onProgress: nothing,
      onFile: nothing,
    });
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(version, { minLength: 1, maxLength: 8 }), async (versions) => {
          const each = <T>(value: T) => versions.map(() => value);
          const { states, jsons } = await reader.read({
            kind: 'batch',
            id: 1,
            mode: 'measured',
            leavesSlow: false,
            width: 32,
            tenantIds: each('t'),
            paths: each(path),
            sizes: each(1),
            patientIds: each('P'),
            studyDates: each('2026-01-01'),
            missingIdentity: 'use_message',
            times: versions.map(({ time }) => time),
            traceIds: versions.map((one) => one.traceId),
          });
          const newest = greatest(versions);
          expect(versions[states.indexes[0] ?? -1]).toEqual(newest);
          const state = JSON.parse(Buffer.from(jsons, 0, states.lengths[0]).toString());
          expect([state.source_time, state.source_trace_id]).toEqual([newest.time, newest.traceId]);
        }),
        {
          numRuns: 50,
          examples: [[['\u{1f600}', '\u{ff5e}'].map((id) => ({ time: '2026-01-01T00:00:00.000000', traceId: id }))]],
        },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
