/** What generated studies consist of: kinds of series, and patients with sample names in several scripts. */

export interface SeriesKind {
  readonly modality: string;
  readonly sopClassUid: string;
  readonly studyDescription: string;
  readonly seriesDescriptions: readonly string[];
  readonly bodyPart: string;
  /** Minimum and maximum number of instances per series. */
  readonly instances: readonly [number, number];
  /** Frames per instance, for multi-frame images. */
  readonly frames?: number;
  readonly photometric: 'MONOCHROME2' | 'MONOCHROME1' | 'RGB';
  /** Whether the images are slices with a position. */
  readonly sliced: boolean;
}

export const SERIES_KINDS: readonly SeriesKind[] = [
  {
    modality: 'CT',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    studyDescription: 'Sample CT thorax',
    seriesDescriptions: ['Scout', 'Lung 1.0', 'Soft tissue 3.0', 'Bone 2.0'],
    bodyPart: 'CHEST',
    instances: [4, 12],
    photometric: 'MONOCHROME2',
    sliced: true,
  },
  {
    modality: 'MR',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.4',
    studyDescription: 'Sample MR head',
    seriesDescriptions: ['Localizer', 'T1 sagittal', 'T2 axial', 'FLAIR'],
    bodyPart: 'HEAD',
    instances: [4, 10],
    photometric: 'MONOCHROME2',
    sliced: true,
  },
  {
    modality: 'DX',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.1.1',
    studyDescription: 'Sample hand, two views',
    seriesDescriptions: ['PA', 'Lateral'],
    bodyPart: 'HAND',
    instances: [1, 2],
    photometric: 'MONOCHROME1',
    sliced: false,
  },
  {
    modality: 'US',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.3.1',
    studyDescription: 'Sample abdomen sonography',
    seriesDescriptions: ['Liver', 'Kidneys'],
    bodyPart: 'ABDOMEN',
    instances: [1, 4],
    frames: 3,
    photometric: 'RGB',
    sliced: false,
  },
  {
    modality: 'MG',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.1.2',
    studyDescription: 'Sample screening',
    seriesDescriptions: ['Right', 'Left'],
    bodyPart: 'BREAST',
    instances: [2, 2],
    photometric: 'MONOCHROME1',
    sliced: false,
  },
];

export interface SamplePerson {
  /** "Sample^Patient" in their language. */
  readonly name: string;
  readonly characterSet: string | readonly string[];
}

export const SAMPLE_PEOPLE: readonly SamplePerson[] = [
  { name: 'Sample^Patient', characterSet: [] },
  { name: 'Müster^Beispiel', characterSet: 'ISO_IR 100' },
  { name: 'Vzorový^Příklad', characterSet: 'ISO_IR 101' },
  { name: 'Образец^Пациент', characterSet: 'ISO_IR 144' },
  { name: 'Δείγμα^Παράδειγμα', characterSet: 'ISO_IR 126' },
  { name: 'דוגמה^מטופל', characterSet: 'ISO_IR 138' },
  { name: 'عينة^مريض', characterSet: 'ISO_IR 127' },
  { name: 'Mihon^Kanja=見本^患者', characterSet: ['', 'ISO 2022 IR 87'] },
  { name: 'Gyeonbon^Hwanja=견본^환자', characterSet: ['', 'ISO 2022 IR 149'] },
  { name: 'Shili^Huanzhe=示例^患者', characterSet: 'GB18030' },
  { name: 'Örnek^Hasta', characterSet: 'ISO_IR 148' },
  { name: 'Voorbeeld^Patiënt=例^患者', characterSet: 'ISO_IR 192' },
];
