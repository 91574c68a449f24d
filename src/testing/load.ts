import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DicomStoreMeta } from '../records/dicom-store-meta.ts';
import { buildDicomFile } from '../samples/dicom-file.ts';

/** The size of a load, where its files are, and its faults. */
export interface LoadOptions {
  /** Folder of the files; must be below the service's storage roots. */
  readonly root: string;
  readonly count: number;
  /** Distinguishes loads in the same tables: part of every UID. Default 1. */
  readonly seed?: number;
  /** Default 50. */
  readonly imagesPerSeries?: number;
  /** Every n-th record can't be processed, in turn: not JSON, a missing field, a missing file, not DICOM. Default: none. */
  readonly poisonEvery?: number;
  /** Extra bytes of private data, so that a file has about this size. Default 4,096. */
  readonly fileBytes?: number;
}

/** A record to publish, and its expected result. */
export interface LoadRecord {
  readonly key: string;
  readonly value: string;
  /** Undefined for poison. */
  readonly expected: ExpectedKeys | undefined;
}

/** What a valid record leads to: the trace_id of its object row, and the UIDs of its series and its instance. */
export interface ExpectedKeys {
  readonly traceId: string;
  readonly series: string;
  readonly instance: string;
}

const ROOT_UID = '1.2.826.0.1.3680043.10.9999';
const POISON = ['not_json', 'invalid_field', 'file_missing', 'not_dicom'] as const;

/**
 * Generates a load: one DICOM file on disk per record. The same options give the same load. Files are written during the iteration, so
 * a load of any size needs little memory.
 */
export async function* makeLoad(options: LoadOptions): AsyncGenerator<LoadRecord> {
  const { root, count, seed = 1, imagesPerSeries = 50, poisonEvery = 0 } = options;
  const folders = new Set<string>();
  for (let n = 0; n < count; n++) {
    const study = `${ROOT_UID}.${seed}.${Math.floor(n / (imagesPerSeries * 2))}`;
    const series = `${ROOT_UID}.${seed}.8.${Math.floor(n / imagesPerSeries)}`;
    const instance = `${ROOT_UID}.${seed}.9.${n}`;
    const path = join(root, study, series, `${instance}.dcm`);
    const meta = metaOf(n, seed, study, series, instance, path);
    const poison =
      poisonEvery > 0 && n % poisonEvery === poisonEvery - 1 ? POISON[Math.floor(n / poisonEvery) % 4] : undefined;
    if (poison !== 'file_missing') {
      if (!folders.has(dirname(path))) await mkdir(dirname(path), { recursive: true });
      folders.add(dirname(path));
      const bytes =
        poison === 'not_dicom'
          ? Buffer.from('plain text')
          : fileOf(n, study, series, instance, options.fileBytes ?? 4096);
      await writeFile(path, bytes);
    }
    yield {
      key: meta.trace_id,
      value: textOf(meta, poison),
      expected: poison === undefined ? { traceId: meta.trace_id, series, instance } : undefined,
    };
  }
}

function textOf(meta: DicomStoreMeta, poison: (typeof POISON)[number] | undefined): string {
  if (poison === 'not_json') return `{"trace_id": "${meta.trace_id}`;
  if (poison === 'invalid_field') return JSON.stringify({ ...meta, file_size: 'large' });
  return JSON.stringify(meta);
}

function metaOf(
  n: number,
  seed: number,
  study: string,
  series: string,
  instance: string,
  path: string,
): DicomStoreMeta {
  return {
    trace_id: `01990000-${hex(seed, 4)}-7000-8000-${hex(n, 12)}`,
    worker_node_id: 'DICOM_STORE_SCP',
    tenant_id: 'tenant1',
    patient_id: `LOAD-${seed}`,
    study_uid: study,
    series_uid: series,
    sop_uid: instance,
    file_size: 4096,
    file_path: path,
    transfer_syntax_uid: '1.2.840.10008.1.2.1',
    number_of_frames: 1,
    created_time: new Date(Date.UTC(2025, 0, 1) + n * 10).toISOString().slice(0, 23),
    series_uid_hash: '00000000000000000000',
    study_uid_hash: '00000000000000000000',
    accession_number: null,
    target_ts: '1.2.840.10008.1.2.1',
    study_date: '2025-01-01',
    transfer_status: 'NoNeedTransfer',
    source_ip: '10.0.0.9',
    source_ae: 'LOAD',
  };
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}

function fileOf(n: number, study: string, series: string, instance: string, bytes: number): Buffer {
  const file = buildDicomFile({
    dataSet: {
      ImageType: 'ORIGINAL\\PRIMARY\\AXIAL',
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
      SOPInstanceUID: instance,
      StudyDate: '20250101',
      StudyTime: '101500',
      AccessionNumber: `A${n % 1000}`,
      Modality: 'CT',
      StudyDescription: 'Load test',
      SeriesDescription: `Series ${n}`,
      PatientName: `Load^Synthetic`,
      PatientID: 'LOAD',
      PatientBirthDate: '19700101',
      PatientSex: 'O',
      BodyPartExamined: 'CHEST',
      SliceThickness: '1.25',
      StudyInstanceUID: study,
      SeriesInstanceUID: series,
      SeriesNumber: '3',
      InstanceNumber: String(n % 1000),
      ImagePositionPatient: '-125.0\\-125.0\\10.5',
      ImageOrientationPatient: '1\\0\\0\\0\\1\\0',
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
      Rows: 512,
      Columns: 512,
      BitsAllocated: 16,
      BitsStored: 12,
      HighBit: 11,
      PixelRepresentation: 0,
      WindowCenter: '40',
      WindowWidth: '400',
      RescaleIntercept: '-1024',
      RescaleSlope: '1',
    },
  });
  const padding = Math.max(0, bytes - file.length - 12) & ~1;
  // Pixel data, explicit little endian. It is never read.
  const pixels = Buffer.alloc(12 + padding);
  pixels.write('\xe0\x7f\x10\x00OW', 'latin1');
  pixels.writeUInt32LE(padding, 8);
  return Buffer.concat([file, pixels]);
}
