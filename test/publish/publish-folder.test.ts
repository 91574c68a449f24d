import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HeaderOutcome, type PublishOptions, publishFolder } from '../../src/publish/publish-folder.ts';
import { uuidV7 } from '../../src/publish/uuid-v7.ts';
import { dicomStoreMetaSchema } from '../../src/records/dicom-store-meta.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'publish-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Makes a header from the file name: `1.dcm` is valid, other extensions are not DICOM. */
async function readHeader(path: string): Promise<HeaderOutcome> {
  const name = basename(path);
  if (!name.endsWith('.dcm')) return { ok: false, error: 'not_dicom' };
  return {
    ok: true,
    header: {
      patientId: name.startsWith('long') ? 'P'.repeat(65) : 'P1',
      studyInstanceUid: '1.2.3',
      seriesInstanceUid: '1.2.3.1',
      sopInstanceUid: `1.2.3.1.${Number.parseInt(name, 10)}`,
      studyUidHash: '14152512315557983588',
      seriesUidHash: '00180450261792052735',
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      numberOfFrames: 1,
      accessionNumber: null,
      studyDate: '2024-02-29',
    },
  };
}

async function publish(options: Partial<PublishOptions> = {}) {
  const sent: { topic: string; key: string; value: string }[] = [];
  const result = await publishFolder({
    folder,
    topic: 'storage_queue',
    tenantId: 'tenant1',
    concurrency: 8,
    readHeader,
    send: async (records) => {
      sent.push(...records);
    },
    ...options,
  });
  return { result, sent, metas: sent.map(({ value }) => dicomStoreMetaSchema.parse(JSON.parse(value))) };
}

async function files(count: number, under = ''): Promise<void> {
  await mkdir(join(folder, under), { recursive: true });
  await Promise.all(Array.from({ length: count }, (_, i) => writeFile(join(folder, under, `${i}.dcm`), 'x'.repeat(i))));
}

describe('publishing a folder', () => {
  it('sends one valid record per DICOM file, keyed by its trace_id', async () => {
    await files(3, 'a/b');
    await files(2);
    const { result, sent, metas } = await publish();
    expect(result).toMatchObject({ files: 5, published: 5 });
    expect(sent.every(({ key, topic }, i) => topic === 'storage_queue' && key === metas[i]?.trace_id)).toBe(true);
    expect(new Set(metas.map((meta) => meta.trace_id)).size).toBe(5);
    for (const meta of metas) {
      expect(meta).toMatchObject({ tenant_id: 'tenant1', transfer_status: 'NoNeedTransfer', study_date: '2024-02-29' });
      expect(meta.file_size).toBe(Number.parseInt(basename(meta.file_path), 10));
    }
  });

  it('counts skipped files by reason and continues', async () => {
    await files(2);
    await writeFile(join(folder, 'readme.txt'), 'no DICOM');
    await writeFile(join(folder, 'long.dcm'), '');
    const { result } = await publish();
    expect(result).toMatchObject({ files: 4, published: 2 });
    expect(Object.fromEntries(result.skipped)).toEqual({ not_dicom: 1, 'unpublishable:patient_id': 1 });
  });

  it('writes paths as the service sees them when the folder is mounted elsewhere', async () => {
    await files(1, 'a');
    const { metas } = await publish({ folderAs: '/data/dicom' });
    expect(metas[0]?.file_path).toBe('/data/dicom/a/0.dcm');
  });

  it('does not follow symbolic links, so that a loop ends', async () => {
    await files(1, 'a');
    await symlink(folder, join(folder, 'a', 'loop'));
    expect((await publish()).result.files).toBe(1);
  });

  it('keeps at most two chunks in memory: one being sent and one being read', async () => {
    await files(1_000);
    let read = 0;
    let acknowledged = 0;
    let most = 0;
    await publish({
      readHeader: (path) => {
        read++;
        most = Math.max(most, read - acknowledged);
        return readHeader(path);
      },
      send: async (records) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        acknowledged += records.length;
      },
    });
    expect(acknowledged).toBe(1_000);
    expect(most).toBeLessThanOrEqual(400);
  });

  it('reads at most the given number of files concurrently', async () => {
    await files(60);
    let open = 0;
    let most = 0;
    await publish({
      concurrency: 4,
      readHeader: async (path) => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setTimeout(resolve, 1));
        open--;
        return readHeader(path);
      },
    });
    expect(most).toBe(4);
  });

  it('stops when a record is not acknowledged', async () => {
    await files(500);
    const sends: number[] = [];
    const failing = publish({
      send: async (records) => {
        sends.push(records.length);
        throw new Error('no broker');
      },
    });
    await expect(failing).rejects.toThrow('no broker');
    expect(sends.length).toBe(1);
  });

  it('rejects when the folder does not exist', async () => {
    await expect(publish({ folder: join(folder, 'nowhere') })).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a version 7 UUID', () => {
  it('has its version, its variant, and the time in its first 48 bits', () => {
    const uuid = uuidV7(Date.parse('2060-01-01T00:00:00Z'));
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.parse('2060-01-01T00:00:00Z'));
  });

  it('sorts in the order of creation, within a millisecond and when the clock is set back', () => {
    const now = Date.parse('2061-01-01T00:00:00Z');
    const made = Array.from({ length: 20_000 }, (_, i) => uuidV7(i % 2 === 0 ? now : now - 5_000));
    expect(made).toEqual([...made].sort());
    expect(new Set(made).size).toBe(made.length);
  });
});
