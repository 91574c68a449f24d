import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileReader } from '../../src/dicom/files/file-reader.ts';
import type { HeaderBatch } from '../../src/ports.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { dicomCorpus } from '../../src/testing/dicom-corpus.ts';
import { mutant } from '../../src/testing/dicom-mutants.ts';
import { createDicomReader } from '../../src/testing/dicom-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const corpus = [...dicomCorpus().values()];
const WITHOUT_PATIENT = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  SOPInstanceUID: '1.2.3.1',
  StudyDate: '20250101',
  Modality: 'CT',
  StudyInstanceUID: '1.2',
  SeriesInstanceUID: '1.2.3',
};

/** Everything of a batch but the times at which its rows were made. */
const comparable = ({ states, images, failures }: HeaderBatch) => ({
  rows: [...states, ...images].map(({ json, ...row }) => {
    const { created_time, updated_time, ...fields } = JSON.parse(json.toString());
    return { ...row, fields };
  }),
  failures: failures
    .map(({ index, error, incomplete }) => ({ index, message: error.message, incomplete }))
    .sort((a, b) => a.index - b.index),
});

describe('the reader of DICOM files in memory', () => {
  it('gives the rows, keys and failures of the same files on a disk: valid, damaged, short, anonymous and missing ones', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wado-dicom-reader-'));
    try {
      const contents = [
        ...corpus,
        ...corpus.map((_, i) => mutant(corpus, 7, i)),
        (corpus[0] ?? Buffer.alloc(0)).subarray(0, 200),
        buildDicomFile({ dataSet: WITHOUT_PATIENT }),
      ];
      const files = new Map(contents.map((bytes, i) => [join(folder, `${i}.dcm`), bytes]));
      for (const [path, bytes] of files) writeFileSync(path, bytes);
      const wanted = [...files.keys(), join(folder, 'missing.dcm')].map((path, i) => ({
        tenantId: `tenant${i % 20}`,
        path,
        size: i % 2 === 0 ? 1_000 : 10_000_000,
        patientId: `P${i}`,
        studyDate: '2025-01-01',
        version: { time: '2025-01-01T00:00:00.000000', traceId: `t${i % 5}` },
      }));
      for (const missingIdentity of ['use_message', 'dead_letter'] as const) {
        const onDisk = createFileReader({ storageRoots: [folder], missingIdentity });
        const real = comparable(await onDisk.read(wanted));
        await onDisk.close();
        expect(real.rows.length).toBeGreaterThan(10);
        expect(real.failures.length).toBeGreaterThan(3);
        const inMemory = comparable(await createDicomReader(files, { missingIdentity }).read(wanted));
        expect(inMemory.failures).toEqual(real.failures);
        expect(inMemory.rows.sort(byIdentity)).toEqual(real.rows.sort(byIdentity));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('lets a driver wait for a file that is added later', async () => {
    const files = new Map<string, Uint8Array>();
    await using driver = new TopologyTestDriver({ reader: createDicomReader(files) });
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/data/1.dcm', file_size: 100 }));
    await driver.advanceTime(10_000);
    expect([driver.waiting, driver.committed()]).toEqual([1, undefined]);
    files.set('/data/1.dcm', corpus[0] ?? Buffer.alloc(0));
    await driver.advanceTime(10_000);
    expect([driver.waiting, driver.committed(), driver.table('dicom_image_meta').length]).toEqual([0, 1, 1]);
  });
});

function byIdentity(a: { readonly identity: string; readonly key: string }, b: typeof a): number {
  return `${a.identity}${a.key}` < `${b.identity}${b.key}` ? -1 : 1;
}
