/**
 * Generates studies as DICOM files, without end and the same for the same seed: several series, modalities, character sets and transfer
 * syntaxes. With them come the records that a receiver would publish, some of which can't be processed.
 */
import { join } from 'node:path';
import { hashUid } from '../dicom/rows/uid-hash.ts';
import { storeMeta } from '../publish/stored-file-meta.ts';
import { SAMPLE_PEOPLE, type SamplePerson, SERIES_KINDS, type SeriesKind } from './catalog.ts';
import { buildDicomFile, type ElementValue, TRANSFER_SYNTAX } from './dicom-file.ts';
import { type PoisonKind, poisonRecord } from './poison.ts';
import { type Random, seededRandom } from './seeded-random.ts';

/** The seed, the store and the faults of generated studies. */
export interface StudiesOptions {
  readonly seed: number;
  /** Absolute path of the store: the folder of the files. */
  readonly store: string;
  readonly tenantId: string;
  /** Written as worker_node_id and source_ae into every record; at most 64 characters. */
  readonly origin: string;
  /** A record that can't be processed after every N studies; 0 for none. Default 8. */
  readonly poisonEvery?: number;
  /** A record that is delivered twice after every N studies; 0 for none. Default 10. */
  readonly repeatEvery?: number;
  /** What all studies have in common. What is left out differs from study to study. */
  readonly shape?: StudyShape;
}

/** The size and the form of studies. */
export interface StudyShape {
  /** Series per study. */
  readonly series?: number;
  /** Instances per series. */
  readonly instances?: number;
  /** `CT`, `MR`, `DX`, `US` or `MG`. */
  readonly modality?: string;
  /** Any UID. Those of TRANSFER_SYNTAX are written as they say, any other as explicit little endian. */
  readonly transferSyntaxUid?: string;
  /** Values of SpecificCharacterSet, with a patient's name in one of its scripts where the catalog has one. */
  readonly characterSet?: string | readonly string[];
  /** Rows and columns. Default 16: 256 bytes per grey frame. */
  readonly side?: number;
}

/** A record to publish. Write `file` before publishing it. */
export interface GeneratedRecord {
  readonly key: string;
  readonly value: string;
  readonly file?: { readonly path: string; readonly bytes: Buffer };
  /** The expected result. A repetition is a record that was delivered before. */
  readonly expected: 'stored' | 'repeated' | PoisonKind;
}

/** A generated study: its numbers of series and instances, and the records that announce its files. */
export interface GeneratedStudy {
  readonly studyInstanceUid: string;
  readonly series: number;
  readonly instances: number;
  readonly records: readonly GeneratedRecord[];
}

const ROOT = '1.2.826.0.1.3680043.10.9999.20';
const SYNTAXES = Object.values(TRANSFER_SYNTAX);
const ENCAPSULATED = new Set<string>([
  TRANSFER_SYNTAX.jpegBaseline,
  TRANSFER_SYNTAX.jpeg2000Lossless,
  TRANSFER_SYNTAX.rle,
]);
const DEFAULT_SIDE = 16;

/** An endless sequence of studies. Writes nothing. */
export function* generateStudies(options: StudiesOptions): Generator<GeneratedStudy, never> {
  const random = seededRandom(options.seed);
  const { poisonEvery = 8, repeatEvery = 10 } = options;
  let poisons = 0;
  for (let number = 1; ; number++) {
    const study = generateStudy(number, random, options);
    const [first] = study.records;
    const repeated: GeneratedRecord[] =
      repeatEvery > 0 && number % repeatEvery === 0 && first !== undefined
        ? [{ key: first.key, value: first.value, expected: 'repeated' }]
        : [];
    const poison =
      poisonEvery > 0 && number % poisonEvery === 0 && first !== undefined
        ? [poisonRecord(poisons++, first.value, options.store)]
        : [];
    yield { ...study, records: [...study.records, ...repeated, ...poison] };
  }
}

interface Study {
  readonly kind: SeriesKind;
  readonly person: SamplePerson;
  readonly side: number;
  readonly studyInstanceUid: string;
  readonly patientId: string;
  readonly accessionNumber: string;
  /** `YYYY-MM-DD`. */
  readonly studyDate: string;
  readonly attributes: Readonly<Record<string, ElementValue>>;
}

function generateStudy(number: number, random: Random, options: StudiesOptions): GeneratedStudy {
  const { shape = {} } = options;
  const study = describeStudy(number, random, options.seed, shape);
  const series = shape.series ?? random.between(1, study.kind.seriesDescriptions.length);
  const records: GeneratedRecord[] = [];
  for (let index = 1; index <= series; index++) {
    const instances = shape.instances ?? random.between(...study.kind.instances);
    const transferSyntaxUid = shape.transferSyntaxUid ?? random.pick(SYNTAXES);
    for (let instance = 1; instance <= instances; instance++) {
      const attributes = instanceAttributes(study, index, instance, instances);
      records.push(storedRecord(study, attributes, transferSyntaxUid, random, options));
    }
  }
  return { studyInstanceUid: study.studyInstanceUid, series, instances: records.length, records };
}

function describeStudy(number: number, random: Random, seed: number, shape: StudyShape): Study {
  const padded = String(number).padStart(6, '0');
  const study = {
    kind: random.pick(kindsOf(shape)),
    person: random.pick(peopleOf(shape)),
    side: shape.side ?? DEFAULT_SIDE,
    studyInstanceUid: `${ROOT}.${seed}.${number}`,
    patientId: `DEMO-${seed}-${padded}`,
    accessionNumber: `DEMO${padded}`,
    studyDate: new Date(Date.UTC(2020, 0, 1 + random.between(0, 2_000))).toISOString().slice(0, 10),
  };
  const attributes = {
    StudyInstanceUID: study.studyInstanceUid,
    StudyDate: study.studyDate.replaceAll('-', ''),
    StudyTime: `${random.between(10, 18)}${random.between(10, 59)}00`,
    StudyID: `S${number}`,
    AccessionNumber: study.accessionNumber,
    StudyDescription: study.kind.studyDescription,
    PatientName: study.person.name,
    PatientID: study.patientId,
    PatientBirthDate: `${random.between(1940, 2010)}0101`,
    PatientSex: random.pick(['F', 'M', 'O']),
    PatientAge: `0${random.between(10, 80)}Y`,
    PatientWeight: String(random.between(45, 110)),
  };
  return { ...study, attributes };
}

function kindsOf({ modality }: StudyShape): readonly SeriesKind[] {
  const kinds = SERIES_KINDS.filter((kind) => modality === undefined || kind.modality === modality);
  if (kinds.length > 0) return kinds;
  const known = SERIES_KINDS.map((kind) => kind.modality).join(', ');
  throw new RangeError(`there are no generated studies of modality '${modality}': use ${known}`);
}

function peopleOf({ characterSet }: StudyShape): readonly SamplePerson[] {
  if (characterSet === undefined) return SAMPLE_PEOPLE;
  const form = (sets: string | readonly string[]) => (typeof sets === 'string' ? sets : sets.join('\\'));
  const people = SAMPLE_PEOPLE.filter((person) => form(person.characterSet) === form(characterSet));
  return people.length > 0 ? people : [{ name: 'Sample^Patient', characterSet }];
}

function instanceAttributes(
  { kind, side, studyInstanceUid, attributes }: Study,
  series: number,
  instance: number,
  of: number,
) {
  const seriesInstanceUid = `${studyInstanceUid}.${series}`;
  return {
    ...attributes,
    SOPClassUID: kind.sopClassUid,
    SOPInstanceUID: `${seriesInstanceUid}.${instance}`,
    SeriesInstanceUID: seriesInstanceUid,
    SeriesNumber: String(series),
    SeriesDescription: kind.seriesDescriptions[series - 1] ?? '',
    NumberOfSeriesRelatedInstances: String(of),
    Modality: kind.modality,
    BodyPartExamined: kind.bodyPart,
    ProtocolName: 'SAMPLE PROTOCOL',
    InstanceNumber: String(instance),
    ImageType: ['DERIVED', 'SECONDARY'],
    SamplesPerPixel: samplesOf(kind),
    PhotometricInterpretation: kind.photometric,
    Rows: side,
    Columns: side,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
    WindowCenter: '128',
    WindowWidth: '256',
    ...(kind.frames === undefined ? {} : { NumberOfFrames: String(kind.frames) }),
    ...(kind.sliced ? slicePosition(instance) : {}),
  };
}

function slicePosition(instance: number) {
  return {
    SliceThickness: '3.0',
    SliceLocation: String(instance * 3),
    ImagePositionPatient: ['0', '0', String(instance * 3)],
    ImageOrientationPatient: ['1', '0', '0', '0', '1', '0'],
    RescaleIntercept: '-1024',
    RescaleSlope: '1',
  };
}

function storedRecord(
  { kind, person, side, studyInstanceUid, patientId, accessionNumber, studyDate }: Study,
  attributes: ReturnType<typeof instanceAttributes>,
  transferSyntaxUid: string,
  random: Random,
  options: StudiesOptions,
): GeneratedRecord {
  const numberOfFrames = kind.frames ?? 1;
  const pixels = random.bytes(side * side * samplesOf(kind) * numberOfFrames);
  const bytes = buildDicomFile({
    dataSet: attributes,
    transferSyntaxUid,
    characterSet: person.characterSet,
    pixelData: ENCAPSULATED.has(transferSyntaxUid) ? [pixels] : pixels,
  });
  const { SeriesInstanceUID: seriesInstanceUid, SOPInstanceUID: sopInstanceUid } = attributes;
  const folder = join(
    options.store,
    options.tenantId,
    studyDate.replaceAll('-', ''),
    studyInstanceUid,
    seriesInstanceUid,
  );
  const path = join(folder, `${sopInstanceUid}.dcm`);
  const meta = storeMeta(
    {
      patientId,
      studyInstanceUid,
      seriesInstanceUid,
      sopInstanceUid,
      studyUidHash: hashUid(studyInstanceUid),
      seriesUidHash: hashUid(seriesInstanceUid),
      transferSyntaxUid,
      numberOfFrames,
      accessionNumber,
      studyDate,
    },
    { tenantId: options.tenantId, path, size: bytes.length, origin: options.origin },
  );
  return { key: meta.trace_id, value: JSON.stringify(meta), file: { path, bytes }, expected: 'stored' };
}

function samplesOf({ photometric }: SeriesKind): number {
  return photometric === 'RGB' ? 3 : 1;
}
