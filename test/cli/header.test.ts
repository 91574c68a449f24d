import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { headerCommand, headerLines } from '../../src/cli/header.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'header-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DATA_SET = {
  PatientID: 'P1',
  PatientName: 'Sample^Patient',
  StudyInstanceUID: '1.2.3',
  SeriesInstanceUID: '1.2.3.8',
  SOPInstanceUID: '1.2.3.8.1',
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  StudyDate: '20240229',
  Rows: 16,
};

async function write(name: string, bytes: Buffer | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const parsed = (files: readonly string[], tenant = 'tenant1') =>
  [...headerLines(files, tenant)].map(({ line }) => JSON.parse(line));

describe('wado-consumer header', () => {
  it('prints the state and image record of a readable file, without timestamps', async () => {
    const bytes = buildDicomFile({ dataSet: DATA_SET });
    const file = await write('good.dcm', bytes);
    const [line] = parsed([file], 'hospital-a');
    expect(line).toMatchObject({
      file,
      ok: true,
      state: { tenant_id: 'hospital-a', patient_name: 'Sample^Patient', study_uid_hash: '14152512315557983588' },
      image: {
        tenant_id: 'hospital-a',
        sop_uid: '1.2.3.8.1',
        width: 16,
        space_size: bytes.length,
        image_status: 'ACTIVE',
      },
    });
    for (const record of [line.state, line.image]) {
      expect(record).not.toHaveProperty('created_time');
      expect(record).not.toHaveProperty('updated_time');
    }
  });

  it('prints a line for each file, in the order given, with the code of what is wrong with it', async () => {
    const { SOPInstanceUID: _, ...unidentified } = DATA_SET;
    await mkdir(join(folder, 'folder'));
    const files = [
      await write('text.txt', 'This is no DICOM file. '.repeat(20)),
      await write('unidentified.dcm', buildDicomFile({ dataSet: unidentified })),
      join(folder, 'nowhere.dcm'),
      join(folder, 'folder'),
      await write('good.dcm', buildDicomFile({ dataSet: DATA_SET })),
    ];
    const lines = parsed(files);
    expect(lines.map(({ file }) => file)).toEqual(files);
    expect(lines.map(({ ok, error }) => (ok ? 'ok' : error))).toEqual([
      'not_dicom',
      'missing_required:SOP_INSTANCE_UID',
      'file_missing',
      'not_a_regular_file',
      'ok',
    ]);
  });

  it('exits with 2 when a file cannot be read, with or without --strict, and prints every line all the same', async () => {
    const good = await write('good.dcm', buildDicomFile({ dataSet: DATA_SET }));
    const missing = join(folder, 'nowhere.dcm');
    const run = (...args: string[]) => headerCommand().parseAsync(args, { from: 'user' });
    await expect(run(missing, good)).rejects.toThrow(CliError);
    await expect(run(missing, good)).rejects.toMatchObject({ exitCode: 2 });
    await expect(run('--strict', missing)).rejects.toMatchObject({ exitCode: 2 });
    await expect(run(good)).resolves.toBeDefined();
  });

  it('prints what the file itself has where PatientID and StudyDate are missing, since there is no message', async () => {
    const { PatientID: _, StudyDate: __, ...anonymous } = DATA_SET;
    const [line] = parsed([await write('anonymous.dcm', buildDicomFile({ dataSet: anonymous }))]);
    expect(line.state).toMatchObject({ patient_id: '', study_date: null, study_date_origin: '' });
    expect(line.image).toMatchObject({ patient_id: '' });
  });
});
