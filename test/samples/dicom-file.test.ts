import dicomParser from 'dicom-parser';
import { describe, expect, it } from 'vitest';
import { buildDataSet, buildDicomFile, TRANSFER_SYNTAX } from '../../src/samples/dicom-file.ts';

describe('buildDicomFile', () => {
  it('writes a file that another reader can read', () => {
    const dataSet = {
      PatientName: 'DOE^JANE',
      Rows: 512,
      '(0009,0010)': { vr: 'LO', value: 'PRIVATE' },
      ReferencedStudySequence: { items: [{ PatientID: 'INNER' }], undefinedLength: true },
    };
    for (const transferSyntaxUid of [TRANSFER_SYNTAX.explicitLittleEndian, TRANSFER_SYNTAX.implicitLittleEndian]) {
      const parsed = dicomParser.parseDicom(buildDicomFile({ dataSet, transferSyntaxUid, pixelData: Buffer.alloc(8) }));
      expect(parsed.string('x00020010')).toBe(transferSyntaxUid);
      expect(parsed.string('x00100010')).toBe('DOE^JANE');
      expect(parsed.uint16('x00280010')).toBe(512);
      expect(parsed.string('x00090010')).toBe('PRIVATE');
      expect(parsed.elements.x00081110?.items?.[0]?.dataSet?.string('x00100020')).toBe('INNER');
      expect(parsed.elements.x7fe00010?.length).toBe(8);
    }
  });

  it('writes encapsulated pixel data with an empty offset table', () => {
    const file = buildDicomFile({
      dataSet: {},
      transferSyntaxUid: TRANSFER_SYNTAX.jpegBaseline,
      pixelData: [Buffer.alloc(4), Buffer.alloc(6)],
    });
    const { x7fe00010 } = dicomParser.parseDicom(file).elements;
    expect(x7fe00010?.basicOffsetTable).toEqual([]);
    expect(x7fe00010?.fragments?.map(({ length }) => length)).toEqual([4, 6]);
  });

  it('writes an object in tag order and a list in its own order', () => {
    expect(buildDataSet({ PatientID: 'B', Modality: 'A' }).toString('latin1')).toMatch(/CS.*LO/s);
    expect(
      buildDataSet([
        ['PatientID', 'B'],
        ['Modality', 'A'],
      ]).toString('latin1'),
    ).toMatch(/LO.*CS/s);
  });

  it('encodes text in the character set that it declares', () => {
    const bytes = buildDicomFile({
      dataSet: { PatientName: '山^x', StationName: 'é' },
      characterSet: ['', 'ISO 2022 IR 87'],
    });
    const text = bytes.toString('latin1');
    expect(text).toContain('\\ISO 2022 IR 87');
    expect(text).toContain('\x1b$B;3\x1b(B^x');
    // No declared set has this character.
    expect(buildDataSet({ PatientName: 'é' }, { characterSets: ['ISO_IR 144'] }).toString('latin1')).toContain('?');
  });

  it('names an unknown element in its error', () => {
    expect(() => buildDicomFile({ dataSet: { PatientNmae: 'x' } })).toThrow(RangeError);
    expect(() => buildDicomFile({ dataSet: { StudyID: 'x'.repeat(70_000) } })).toThrow(RangeError);
  });

  it('writes a wrong length on request', () => {
    const bytes = buildDataSet({ StudyID: { vr: 'SH', value: 'ab', length: 9 } });
    expect(bytes.readUInt16LE(6)).toBe(9);
    expect(bytes).toHaveLength(10);
  });
});
