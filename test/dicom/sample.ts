/** A data set with every attribute that the records need: what the tests change one thing of. */
import type { ElementValue } from '../../src/samples/dicom-file.ts';

const UIDS = {
  StudyInstanceUID: '1.2.826.0.1.3680043.10.9999.1.1',
  SeriesInstanceUID: '1.2.826.0.1.3680043.10.9999.2.1',
  SOPInstanceUID: '1.2.826.0.1.3680043.10.9999.3.1',
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
} as const;

export const REQUIRED: Readonly<Record<string, ElementValue>> = { ...UIDS, PatientID: 'PID-1', StudyDate: '20240229' };

export const SAMPLE: Readonly<Record<string, ElementValue>> = {
  ...REQUIRED,
  ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  StudyTime: '101500',
  AccessionNumber: 'ACC0001',
  Modality: 'CT',
  PatientName: 'DOE^JANE',
  PatientSex: 'F',
  SliceThickness: '1.25',
  SeriesNumber: '3',
  InstanceNumber: '17',
  Rows: 512,
  Columns: 256,
  WindowCenter: ['40', '-600'],
  RescaleType: 'HU',
};
