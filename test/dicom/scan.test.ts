import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildDataSet, buildDicomFile, type DataSet, TRANSFER_SYNTAX } from '../../src/samples/dicom-file.ts';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';
import { REQUIRED, SAMPLE } from './sample.ts';

const reader = new MemoryReader();

function read(bytes: Uint8Array) {
  const { error, state, image } = reader.read(bytes);
  return error === undefined ? { ...JSON.parse(state), ...JSON.parse(image) } : { error: error.message };
}

function outcome(bytes: Uint8Array): string {
  return reader.read(bytes).error?.message ?? 'ok';
}

describe('windows', () => {
  const folder = join(import.meta.dirname, '../fixtures/dicom/files');
  const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
  const small = files.filter(([, bytes]) => bytes.length < 5000);

  for (const [first, next] of [
    [132, 1],
    [132, 13],
    [300, 40],
    [1000, 100],
  ] as const) {
    it(`finds the same through windows of ${first} and ${next} bytes as in one piece`, () => {
      const whole = new MemoryReader({ first: 1 << 20, next: 1 << 20 });
      const windowed = new MemoryReader({ first, next });
      for (const [name, bytes] of small) {
        const { error, state, image } = whole.read(bytes);
        expect(windowed.read(bytes), name).toMatchObject({ error, state, image });
      }
    });
  }

  it('reads a file with a short header once', () => {
    const bytes = buildDicomFile({ dataSet: SAMPLE, pixelData: Buffer.alloc(100_000) });
    expect(reader.read(bytes).reads).toEqual([{ offset: 0, length: 8192 }]);
  });

  it('skips a long value without reading it', () => {
    const bytes = buildDicomFile({
      dataSet: { ...SAMPLE, '(0009,1001)': { vr: 'OB', value: Buffer.alloc(5_000_000) } },
    });
    const { error, reads } = reader.read(bytes);
    expect(error).toBeUndefined();
    expect(reads).toHaveLength(2);
    expect(reads[1]?.offset).toBeGreaterThan(5_000_000);
  });

  it('finds out that a skip leads past the end of the file', () => {
    const long = { vr: 'OB', value: Buffer.alloc(100), length: 1_000_000 };
    expect(outcome(buildDicomFile({ dataSet: { ...SAMPLE, '(0009,1001)': long } }))).toBe('truncated');
  });

  it('accepts a skip to exactly the end of the file', () => {
    const dataSet = { ...REQUIRED, '(0021,1001)': { vr: 'OB', value: Buffer.alloc(100_000) } };
    expect(outcome(buildDicomFile({ dataSet }))).toBe('ok');
    expect(outcome(buildDicomFile({ dataSet }).subarray(0, -1))).toBe('truncated');
  });

  it('takes no more of a value than any column holds, however long it says it is', () => {
    const bytes = buildDicomFile({
      dataSet: { ...SAMPLE, StudyDescription: { vr: 'UT', value: 'x'.repeat(3_000_000) } },
    });
    const { reads, state } = reader.read(bytes);
    expect(JSON.parse(state).study_description).toBe('x'.repeat(64));
    expect(reads.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(200_000);
  });
});

describe('transfer syntaxes', () => {
  const expected = read(buildDicomFile({ dataSet: SAMPLE }));

  for (const [name, transferSyntaxUid] of Object.entries(TRANSFER_SYNTAX)) {
    it(`reads ${name}, and says so`, () => {
      const file = buildDicomFile({ dataSet: SAMPLE, transferSyntaxUid });
      expect(read(file)).toEqual({ ...expected, transfer_syntax_uid: transferSyntaxUid, space_size: file.length });
    });
  }

  it('reads an unknown transfer syntax as explicit little endian', () => {
    expect(read(buildDicomFile({ dataSet: SAMPLE, transferSyntaxUid: '1.2.3.4.5' }))).toMatchObject({
      width: 512,
      transfer_syntax_uid: '1.2.3.4.5',
    });
  });

  it('trusts the first element where the transfer syntax is wrong about VRs', () => {
    const implicit = buildDicomFile({ dataSet: SAMPLE, encodedAs: 'implicitLittleEndian' });
    const explicit = buildDicomFile({
      dataSet: SAMPLE,
      transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian,
      encodedAs: 'explicitLittleEndian',
    });
    expect(read(implicit)).toMatchObject({ width: 512, modality: 'CT' });
    expect(read(explicit)).toMatchObject({ width: 512, modality: 'CT' });
  });

  it('reads a deflated data set that has zlib’s header before it', () => {
    const plain = buildDicomFile({ dataSet: SAMPLE, transferSyntaxUid: TRANSFER_SYNTAX.deflated });
    const metaEnd = 144 + plain.readUInt32LE(140);
    const withHeader = Buffer.concat([plain.subarray(0, metaEnd), Buffer.from([0x78, 0x9c]), plain.subarray(metaEnd)]);
    expect(read(withHeader)).toMatchObject({ width: 512 });
  });

  it('tells a deflate stream that is broken from one that is cut', () => {
    const dataSet = {
      ...SAMPLE,
      PatientComments: Buffer.from(Array.from({ length: 30_000 }, (_, at) => (at * at) % 251)),
    };
    const file = buildDicomFile({ dataSet, transferSyntaxUid: TRANSFER_SYNTAX.deflated });
    const metaEnd = 144 + file.readUInt32LE(140);
    expect(outcome(file.subarray(0, metaEnd + 40))).toBe('truncated');
    const broken = Buffer.from(file);
    broken.fill(0xff, metaEnd, metaEnd + 60);
    expect(outcome(broken)).toBe('bad_deflate');
  });

  it('does not inflate more than it needs, nor more than 16 MiB', { timeout: 30_000 }, () => {
    const zeros = Buffer.alloc(24 << 20);
    const behind = { ...SAMPLE, '(0029,1001)': { vr: 'OB', value: zeros } };
    const before = { ...SAMPLE, '(0009,1001)': { vr: 'OB', value: zeros } };
    const { deflated: transferSyntaxUid } = TRANSFER_SYNTAX;
    expect(outcome(buildDicomFile({ dataSet: behind, transferSyntaxUid }))).toBe('ok');
    expect(outcome(buildDicomFile({ dataSet: before, transferSyntaxUid }))).toBe('header_too_large');
  });
});

describe('the file meta group', () => {
  it('may come without its length, without a preamble, and with odd elements', () => {
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, metaGroupLength: false }))).toBe('ok');
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, preamble: false }))).toBe('ok');
    const meta = { '(0002,0102)': { vr: 'OB', value: Buffer.alloc(100_000) } };
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, meta }))).toBe('ok');
  });

  it('must begin with DICM and name a transfer syntax', () => {
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, meta: false }))).toBe('not_dicom');
    expect(outcome(Buffer.alloc(0))).toBe('not_dicom');
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, meta: { TransferSyntaxUID: null } }))).toBe('no_transfer_syntax');
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, meta: { TransferSyntaxUID: '' } }))).toBe('no_transfer_syntax');
  });

  it('with an element of undefined length is bad', () => {
    const meta = { '(0002,0102)': { vr: 'OB', value: Buffer.alloc(4), length: 0xffffffff } };
    expect(outcome(buildDicomFile({ dataSet: SAMPLE, meta }))).toBe('bad_meta');
  });
});

describe('cuts', () => {
  it('is truncated wherever the file ends inside an element before the last wanted one', () => {
    const bytes = buildDicomFile({ dataSet: SAMPLE });
    const outcomes = new Set<string>();
    for (let length = 132; length < bytes.length; length++) outcomes.add(outcome(bytes.subarray(0, length)));
    // Between two elements a file may end: then what is missing is missing.
    for (const each of outcomes) expect(each).toMatch(/^(truncated|missing_required:[A-Z_]+|ok)$/);
    expect(outcome(bytes.subarray(0, bytes.length - 5))).toBe('truncated');
  });

  for (const transferSyntaxUid of [
    TRANSFER_SYNTAX.explicitLittleEndian,
    TRANSFER_SYNTAX.implicitLittleEndian,
    TRANSFER_SYNTAX.explicitBigEndian,
  ]) {
    const bigEndian = transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian;
    const tag = (group: number, element: number) => {
      const bytes = Buffer.alloc(4);
      bytes[bigEndian ? 'writeUInt16BE' : 'writeUInt16LE'](group, 0);
      bytes[bigEndian ? 'writeUInt16BE' : 'writeUInt16LE'](element, 2);
      return Buffer.concat([bytes, Buffer.from('OWXX')]);
    };
    const file = buildDicomFile({ dataSet: REQUIRED, transferSyntaxUid });
    const endingWith = (bytes: Buffer) => outcome(Buffer.concat([file, bytes]));

    it(`is truncated inside the header of an element that may be wanted (${transferSyntaxUid})`, () => {
      for (const header of [tag(0x0028, 0x1054), tag(0x0028, 0x0010), tag(0x0020, 0x0013)]) {
        // What comes first may be a NUL.
        for (let length = 2; length < 8; length++) expect(endingWith(header.subarray(0, length))).toBe('truncated');
      }
    });

    it(`ends well with a stray byte or three that can't begin the next element (${transferSyntaxUid})`, () => {
      const image = buildDicomFile({ dataSet: { ...REQUIRED, Rows: 1 }, transferSyntaxUid });
      for (const stray of [' ', '\n', '\r\n', '   ']) {
        expect(outcome(Buffer.concat([image, Buffer.from(stray)])), JSON.stringify(stray)).toBe('ok');
      }
      const long = { ...REQUIRED, '(0027,1001)': { vr: 'OB', value: Buffer.alloc(4) } };
      expect(outcome(Buffer.concat([buildDicomFile({ dataSet: long, transferSyntaxUid }), Buffer.from(' ')]))).toBe(
        'ok',
      );
    });

    it(`is truncated inside an element that is out of order, and in a file that holds nothing else (${transferSyntaxUid})`, () => {
      expect(endingWith(tag(0x0010, 0x0020).subarray(0, 6))).toBe('truncated');
      const nothing = buildDicomFile({ dataSet: {}, transferSyntaxUid });
      expect(outcome(Buffer.concat([nothing, tag(0x0010, 0x0020).subarray(0, 2)]))).toBe('truncated');
    });

    it(`are a bad sequence where a stray delimiter is before them (${transferSyntaxUid})`, () => {
      const itemEnd = Buffer.from(bigEndian ? 'fffee00d00000000' : 'feff0de000000000', 'hex');
      expect(endingWith(Buffer.concat([itemEnd, tag(0x0020, 0x0013).subarray(0, 2)]))).toBe('bad_sequence');
    });

    it(`ends well inside the header of one that isn't, or with NULs (${transferSyntaxUid})`, () => {
      for (const [header, isKnownFrom] of [
        [tag(0x7fe0, 0x0010), 1],
        [tag(0x0029, 0x1010), 1],
        [tag(0x0028, 0x1055), 4],
        [Buffer.alloc(8), 1],
      ] as const) {
        for (let length = isKnownFrom; length < 8; length++) expect(endingWith(header.subarray(0, length))).toBe('ok');
      }
    });
  }
});

describe('sequences', () => {
  const inner: DataSet = { PatientID: 'INNER', Rows: 1, SpecificCharacterSet: 'ISO_IR 192' };

  for (const transferSyntaxUid of [
    TRANSFER_SYNTAX.explicitLittleEndian,
    TRANSFER_SYNTAX.implicitLittleEndian,
    TRANSFER_SYNTAX.explicitBigEndian,
  ]) {
    for (const undefinedLength of [false, true]) {
      it(`takes nothing from items (${transferSyntaxUid}, ${undefinedLength ? 'undefined' : 'defined'} length)`, () => {
        const dataSet = {
          ...SAMPLE,
          ReferencedStudySequence: {
            items: [inner, { ReferencedImageSequence: { items: [inner], undefinedLength } }],
            undefinedLength,
          },
        };
        expect(read(buildDicomFile({ dataSet, transferSyntaxUid }))).toMatchObject({ patient_id: 'PID-1', width: 512 });
      });
    }
  }

  it('reads a UN of undefined length as implicit little endian, in big endian too', () => {
    const item = buildDataSet(
      { ReferencedImageSequence: { items: [inner], undefinedLength: true } },
      { implicit: true },
    );
    const items = Buffer.concat([
      Buffer.from('feff00e0ffffffff', 'hex'),
      item,
      Buffer.from('feff0de000000000feffdde000000000', 'hex'),
    ]);
    const unknown = { vr: 'UN', value: items, length: 0xffffffff };
    for (const transferSyntaxUid of [TRANSFER_SYNTAX.explicitLittleEndian, TRANSFER_SYNTAX.explicitBigEndian]) {
      const bytes = buildDicomFile({ dataSet: { ...SAMPLE, '(0009,1001)': unknown }, transferSyntaxUid });
      expect(read(bytes)).toMatchObject({ patient_id: 'PID-1', width: 512 });
    }
  });

  it('is bad where an item should be and something else is', () => {
    const dataSet = { ...SAMPLE, ReferencedStudySequence: { vr: 'SQ', value: Buffer.alloc(32), length: 0xffffffff } };
    expect(outcome(buildDicomFile({ dataSet }))).toBe('bad_sequence');
  });

  it('may be nested 128 deep and no deeper', () => {
    const nested = (depth: number): DataSet =>
      depth === 0 ? {} : { ReferencedStudySequence: { items: [nested(depth - 1)], undefinedLength: true } };
    expect(outcome(buildDicomFile({ dataSet: { ...SAMPLE, ...nested(128) } }))).toBe('ok');
    expect(outcome(buildDicomFile({ dataSet: { ...SAMPLE, ...nested(129) } }))).toBe('too_deep');
  });

  it('makes a wanted attribute null', () => {
    for (const undefinedLength of [false, true]) {
      const dataSet = { ...SAMPLE, StudyDescription: { vr: 'SQ', value: { items: [inner], undefinedLength } } };
      expect(read(buildDicomFile({ dataSet }))).toMatchObject({ study_description: null });
    }
    const patient = { vr: 'SQ', value: { items: [inner] } };
    expect(read(buildDicomFile({ dataSet: { ...SAMPLE, PatientID: patient } }))).toMatchObject({ patient_id: '' });
    const study = { ...SAMPLE, StudyInstanceUID: patient };
    expect(outcome(buildDicomFile({ dataSet: study }))).toBe('missing_required:STUDY_INSTANCE_UID');
  });
});

describe('elements', () => {
  it('counts the last of two', () => {
    const dataSet = [
      ...Object.entries(REQUIRED).sort(),
      ['PatientName', ''],
      ['PatientName', 'B'],
      ['StudyDate', '20200101'],
    ] as const;
    expect(read(buildDicomFile({ dataSet }))).toMatchObject({ study_date: '2020-01-01', patient_name: 'B' });
  });

  it('finds what is required even behind later groups', () => {
    const dataSet = [['(0029,0010)', { vr: 'LO', value: 'PRIVATE' }], ...Object.entries(SAMPLE)] as const;
    expect(read(buildDicomFile({ dataSet, pixelData: Buffer.alloc(10) }))).toMatchObject({ patient_id: 'PID-1' });
  });

  it('says what is missing, not what is wrong behind the header', () => {
    const { SOPClassUID: _, ...rest } = SAMPLE;
    const bytes = buildDicomFile({
      dataSet: { ...rest, '(0029,1001)': { vr: 'OB', value: Buffer.alloc(4), length: 4000 } },
    });
    expect(outcome(bytes)).toBe('missing_required:SOP_CLASS_UID');
  });

  it('accepts 60,000 elements and refuses more than 100,000', () => {
    const many = (count: number) => {
      const filler = Buffer.alloc(8 * count);
      for (let at = 0; at < filler.length; at += 8) filler.set([0x09, 0x00, 0x01, 0x10, 0x4c, 0x4f, 0, 0], at);
      const head = buildDicomFile({ dataSet: {} });
      return Buffer.concat([head, filler, buildDataSet(SAMPLE)]);
    };
    expect(outcome(many(60_000))).toBe('ok');
    expect(outcome(many(100_001))).toBe('too_many_elements');
  });

  it('reads no more than 64 MiB', () => {
    const items = Buffer.from('feff00e0ffffffff' + '09000110554e0000', 'hex');
    const part = Buffer.alloc(70_000);
    part.set(Buffer.from('0900011055540000' + '64110100', 'hex'));
    const body = Buffer.concat(Array.from({ length: 1100 }, () => part));
    expect(items.length).toBe(16);
    const bytes = Buffer.concat([buildDicomFile({ dataSet: {} }), body, buildDataSet(SAMPLE)]);
    expect(outcome(bytes)).toBe('header_too_large');
  });

  it('scans no more than 64 MiB of an inflated data set of which every element needs look-ahead', () => {
    const meta = buildDicomFile({ dataSet: {}, transferSyntaxUid: TRANSFER_SYNTAX.deflated });
    const head = meta.subarray(0, 144 + meta.readUInt32LE(140));
    // PatientName with the VR ZZ: with a length of 16 bits it would end 64 KB further on.
    const odd = Buffer.from('100010005a5affff00000000', 'hex');
    const many = (count: number) => Buffer.concat([head, deflateRawSync(Buffer.alloc(odd.length * count, odd))]);
    expect(many(99_000).length).toBeLessThan(3_000);
    expect(outcome(many(99_000))).toBe('header_too_large');
    expect(outcome(many(5_000))).toBe('missing_required:STUDY_INSTANCE_UID');
  });

  it('reads a value by the dictionary where the VR is UN, and by its own VR where that is another', () => {
    const dataSet = {
      ...SAMPLE,
      Rows: { vr: 'UN', value: Buffer.from([0x00, 0x02]) },
      Columns: { vr: 'UL', value: 70_000 },
      SeriesNumber: { vr: 'SS', value: -3 },
      SliceThickness: { vr: 'FD', value: 2.5 },
      SliceLocation: { vr: 'FL', value: -0.5 },
      InstanceNumber: { vr: 'FD', value: 3.5 },
      BitsAllocated: { vr: 'IS', value: '16' },
      PatientID: { vr: 'UN', value: 'PID-7' },
      StudyID: { vr: 'US', value: [7, 8] },
      NumberOfSeriesRelatedInstances: { vr: 'SV', value: 9 },
    };
    expect(read(buildDicomFile({ dataSet }))).toMatchObject({
      width: 512,
      columns: 70_000,
      series_number: -3,
      slice_thickness: 2.5,
      slice_location: -0.5,
      instance_number: null,
      bits_allocated: 16,
      patient_id: 'PID-7',
      study_id: '7\\8',
      series_related_instances: 9,
    });
  });
});
