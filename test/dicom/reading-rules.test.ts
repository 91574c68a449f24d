import { describe, expect, it } from 'vitest';
import { buildDicomFile, TRANSFER_SYNTAX } from '../../src/samples/dicom-file.ts';
import { element, ITEM_END, item, SEQUENCE_END, sampleWith, sequence, UNDEFINED } from './raw-elements.ts';
import { read } from './read-both-ways.ts';
import { SAMPLE } from './sample.ts';

const BAD = { error: 'bad_sequence' };
const GOOD = { patient_id: 'PID-1', width: 512, modality: 'CT' };
const INNER_PATIENT = element('00100020', 'LO', 'short', 'OTHER-ID');
/** Before the patient's own group, so that a value of an item would be replaced by nothing where it surfaced. */
const among = (...parts: Buffer[]) => read(sampleWith(Buffer.concat(parts), '00100021'));

describe('a stray delimiter', () => {
  const inItem = (...parts: Buffer[]) =>
    among(sequence('00101002', UNDEFINED, item(UNDEFINED, ...parts, INNER_PATIENT, ITEM_END), SEQUENCE_END));

  it('is skipped directly behind a sequence of zero or defined length, and the item goes on', () => {
    expect(inItem(sequence('00080001', 0), SEQUENCE_END)).toMatchObject(GOOD);
    expect(inItem(sequence('00080001', undefined, item(undefined, INNER_PATIENT)), SEQUENCE_END)).toMatchObject(GOOD);
  });

  it('is skipped once only, and nowhere else', () => {
    expect(inItem(sequence('00080001', 0), SEQUENCE_END, SEQUENCE_END)).toMatchObject(BAD);
    expect(inItem(SEQUENCE_END)).toMatchObject(BAD);
    expect(inItem(element('00080050', 'SH', 'short', 'ABCD'), SEQUENCE_END)).toMatchObject(BAD);
    expect(inItem(sequence('00080001', UNDEFINED, SEQUENCE_END), SEQUENCE_END)).toMatchObject(BAD);
    expect(inItem(sequence('00080001', 0), element('00080050', 'SH', 'short', ''), SEQUENCE_END)).toMatchObject(BAD);
  });

  it('is skipped behind an item of defined length, of either length and with any length field', () => {
    const odd = Buffer.from('feff0de0abcd0000', 'hex');
    for (const end of [ITEM_END, odd]) {
      expect(among(sequence('00101002', UNDEFINED, item(undefined, INNER_PATIENT), end, SEQUENCE_END))).toMatchObject(
        GOOD,
      );
      expect(among(sequence('00101002', UNDEFINED, item(0), end, item(0), end, SEQUENCE_END))).toMatchObject(GOOD);
    }
    expect(among(sequence('00101002', UNDEFINED, ITEM_END, SEQUENCE_END))).toMatchObject(BAD);
    expect(among(sequence('00101002', UNDEFINED, item(0), ITEM_END, ITEM_END, SEQUENCE_END))).toMatchObject(BAD);
    expect(among(sequence('00101002', UNDEFINED, item(UNDEFINED, ITEM_END), ITEM_END, SEQUENCE_END))).toMatchObject(
      BAD,
    );
  });

  it('is skipped at top level by the same rule', () => {
    for (const end of [ITEM_END, SEQUENCE_END]) {
      expect(among(sequence('00101002', 0), end)).toMatchObject(GOOD);
      expect(among(sequence('00101002', undefined, item(undefined, INNER_PATIENT)), end)).toMatchObject(GOOD);
      expect(among(sequence('00101002', UNDEFINED, SEQUENCE_END), end)).toMatchObject(BAD);
      expect(among(element('00100022', 'SH', 'short', 'ABCD'), end)).toMatchObject(BAD);
      expect(among(end)).toMatchObject(BAD);
    }
    expect(among(item(0))).toMatchObject(BAD);
    expect(among(sequence('00101002', 0), item(0))).toMatchObject(BAD);
  });

  it('is skipped without a VR behind an element that may be a sequence: an empty one, or one that starts with an item', () => {
    const implicit = (tag: string, value: Buffer | string) =>
      read(
        sampleWith(Buffer.concat([element(tag, '', 'implicit', value), SEQUENCE_END]), '00100021', { implicit: true }),
      );
    expect(implicit('00101002', '')).toMatchObject(GOOD);
    expect(implicit('00101002', item(undefined, element('00100020', '', 'implicit', 'OTHER-ID')))).toMatchObject(GOOD);
    expect(implicit('00100022', 'ABCDEFGH')).toMatchObject(BAD);
    expect(implicit('00100040', '')).toMatchObject(BAD);
  });
});

describe('an item', () => {
  it('is ended by its own delimiter only', () => {
    expect(among(sequence('00101002', UNDEFINED, item(UNDEFINED, INNER_PATIENT), SEQUENCE_END))).toMatchObject(BAD);
    expect(among(sequence('00101002', UNDEFINED, item(UNDEFINED, INNER_PATIENT, ITEM_END), ITEM_END))).toMatchObject(
      BAD,
    );
    expect(among(sequence('00101002', UNDEFINED, item(UNDEFINED, item(0), ITEM_END), SEQUENCE_END))).toMatchObject(BAD);
  });

  it('gives no value to a wanted attribute whose VR is not written', () => {
    const items = item(undefined, INNER_PATIENT);
    const unknown = element('00081030', 'UN', 'long', items);
    expect(read(sampleWith(unknown, '00081031'))).toMatchObject({ ...GOOD, study_description: null });
    const implicit = element('00081030', '', 'implicit', items);
    expect(read(sampleWith(implicit, '00081031', { implicit: true }))).toMatchObject({ study_description: null });
  });
});

describe('a UN of undefined length', () => {
  const unknown = (...items: Buffer[]) =>
    element('00101001', 'UN', 'long', Buffer.concat([...items, SEQUENCE_END]), UNDEFINED);

  it('holds implicit items, or explicit ones where its first element shows it', () => {
    const implicit = element('00100020', '', 'implicit', 'OTHER-ID');
    expect(among(unknown(item(UNDEFINED, implicit, ITEM_END)))).toMatchObject(GOOD);
    expect(among(unknown(item(UNDEFINED, ITEM_END), item(UNDEFINED, INNER_PATIENT, ITEM_END)))).toMatchObject(GOOD);
    // Decided by the first: an implicit element behind it is none of an explicit item.
    expect(among(unknown(item(UNDEFINED, implicit, INNER_PATIENT, ITEM_END)))).not.toMatchObject(GOOD);
  });
});

describe('the file meta group', () => {
  const second = (uid: string) => element('00020010', 'UI', 'short', uid);
  const file = (uid: string, behind: Buffer, groupLength: boolean) => {
    const whole = buildDicomFile({ dataSet: SAMPLE, transferSyntaxUid: uid, metaGroupLength: groupLength });
    // Without its length, the group ends before the first element of group 8.
    const end = groupLength ? 144 + whole.readUInt32LE(140) : firstOfGroup8(whole, uid);
    return Buffer.concat([whole.subarray(0, end), behind, whole.subarray(end)]);
  };

  const firstOfGroup8 = (bytes: Buffer, uid: string) =>
    bytes.indexOf(uid === TRANSFER_SYNTAX.explicitBigEndian ? '00080008' : '08000800', 132, 'hex');

  it('names the transfer syntax once: another one behind it is ignored', () => {
    for (const groupLength of [true, false]) {
      for (const uid of [
        TRANSFER_SYNTAX.explicitLittleEndian,
        TRANSFER_SYNTAX.implicitLittleEndian,
        TRANSFER_SYNTAX.explicitBigEndian,
      ]) {
        for (const other of ['1.2.840.10008.1.2.2\0', '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2\0']) {
          expect(read(file(uid, second(other), groupLength))).toMatchObject({ ...GOOD, transfer_syntax_uid: uid });
        }
      }
    }
  });

  it('may hold an element whose VR is in no table, of 16 or 32 bits of length', () => {
    for (const vr of ['ui', '??', 'ZZ', '  ']) {
      for (const form of ['short', 'long'] as const) {
        for (const groupLength of [true, false]) {
          for (const uid of [TRANSFER_SYNTAX.explicitLittleEndian, TRANSFER_SYNTAX.explicitBigEndian]) {
            const whole = file(uid, element('00020010', vr, form, '1.2.840.10008.1.2\0'), groupLength);
            expect(read(whole)).toMatchObject({ ...GOOD, transfer_syntax_uid: uid });
          }
        }
      }
    }
    const cut = file(TRANSFER_SYNTAX.explicitLittleEndian, element('00020010', '??', 'short', '1.2', 60_000), true);
    expect(read(cut)).toEqual({ error: 'truncated' });
  });

  it('ends before a deflated data set where its length says so, if an element ends there', () => {
    const { deflated } = TRANSFER_SYNTAX;
    expect(read(file(deflated, Buffer.alloc(0), true))).toMatchObject(GOOD);
    expect(read(file(deflated, second('1.2.840.10008.1.2\0'), true))).toMatchObject({
      ...GOOD,
      transfer_syntax_uid: deflated,
    });
    const wrong = file(deflated, Buffer.alloc(0), true);
    wrong.writeUInt32LE(wrong.readUInt32LE(140) - 3, 140);
    expect(read(wrong)).toMatchObject(GOOD);
  });
});

describe('the order of elements', () => {
  const last = (keyword: 'Modality' | 'Rows' | 'SeriesNumber', value: Buffer) =>
    sampleWith(
      Buffer.concat([
        element('00400254', 'LO', 'short', 'DONE'),
        value,
        element('7fe00010', 'OW', 'long', Buffer.alloc(4)),
      ]),
      'ffffffff',
      { without: [keyword] },
    );

  it('does not matter before Pixel Data', () => {
    expect(read(last('Modality', element('00080060', 'CS', 'short', 'MR')))).toMatchObject({ modality: 'MR' });
    expect(read(last('Rows', element('00280010', 'US', 'short', '\x05\0')))).toMatchObject({ width: 5 });
    const behind = Buffer.concat([
      element('7fe00010', 'OW', 'long', Buffer.alloc(4)),
      element('00080060', 'CS', 'short', 'MR'),
    ]);
    expect(read(sampleWith(behind, 'ffffffff', { without: ['Modality'] }))).toMatchObject({ modality: null });
  });

  it('ends the reading early only where it was ascending and nothing that matters is missing', () => {
    // Nothing that matters: what is behind the header is not looked at.
    const cut = element('00400254', 'LO', 'short', 'DONE', 4000);
    expect(read(sampleWith(cut, 'ffffffff'))).toMatchObject(GOOD);
    const number = element('00200011', 'IS', 'short', '77');
    expect(read(last('SeriesNumber', number))).toMatchObject({ series_number: null });
    const early = Buffer.concat([
      element('00291001', 'LO', 'short', 'PRIVATE '),
      element('00200009', 'IS', 'short', '1 '),
    ]);
    const file = sampleWith(early, '00080061', { without: ['SeriesNumber'] });
    expect(read(Buffer.concat([file, element('00400254', 'LO', 'short', 'DONE'), number]))).toMatchObject({
      series_number: 77,
    });
  });

  it('lets SpecificCharacterSet be last where a text needs it', () => {
    const set = element('00080005', 'CS', 'short', 'ISO_IR 192');
    const description = element('00081030', 'LO', 'short', 'Zo\xc3\xab!');
    const file = Buffer.concat([sampleWith(description, '00081031'), element('00400254', 'LO', 'short', 'DONE'), set]);
    expect(read(file)).toMatchObject({ study_description: 'Zoë!' });
  });

  it('keeps what was read where the file is cut behind the last wanted attribute, and no more', () => {
    const noRows = { without: ['Rows'] };
    const cutAfter = sampleWith(element('00400254', 'LO', 'short', 'DONE', 4000), 'ffffffff', noRows);
    expect(read(cutAfter)).toMatchObject({ modality: 'CT', width: null });
    const cutWithin = sampleWith(element('00280010', 'US', 'short', '\x05', 2), 'ffffffff', noRows);
    expect(read(cutWithin)).toEqual({ error: 'truncated' });
    const unbalanced = sampleWith(sequence('00400275', UNDEFINED, ITEM_END), 'ffffffff', noRows);
    expect(read(unbalanced)).toEqual(BAD);
  });
});

/** A file of the implicit transfer syntax that names the explicit one. */
function declaredExplicit(implicit: Buffer): Buffer {
  const uid = implicit.indexOf(TRANSFER_SYNTAX.implicitLittleEndian.padEnd(18, '\0'));
  const length = implicit.readUInt16LE(uid - 2);
  const changed = Buffer.concat([
    implicit.subarray(0, uid),
    Buffer.from('1.2.840.10008.1.2.1\0'),
    implicit.subarray(uid + length),
  ]);
  changed.writeUInt16LE(20, uid - 2);
  changed.writeUInt32LE(changed.readUInt32LE(140) + 20 - length, 140);
  return changed;
}

describe('an odd header', () => {
  for (const vr of ['  ', '--', '??', 'lo', 'ZZ', '\0\0']) {
    it(`with the VR ${JSON.stringify(vr)} has the form of length behind which an element follows`, () => {
      for (const form of ['short', 'long'] as const) {
        const one = element('00100022', vr, form, 'NO HISTORY');
        expect(among(one)).toMatchObject(GOOD);
        expect(among(one, element('00100024', vr, form, 'AGAIN!'))).toMatchObject(GOOD);
        expect(read(sampleWith(element('00081030', vr, form, 'SPINE '), '00081031'))).toMatchObject({
          ...GOOD,
          study_description: 'SPINE',
        });
        expect(
          read(sampleWith(element('00280010', vr, form, '\x07\0'), '00280011', { without: ['Rows'] })),
        ).toMatchObject({ width: 7 });
        expect(
          read(sampleWith(element('00280300', vr, form, 'THE END '), 'ffffffff', { without: ['Rows'] })),
        ).toMatchObject({ modality: 'CT' });
      }
    });
  }

  it('without a VR is skipped by its 32 bits of length, near and far', () => {
    for (const bytes of [10, 0x2020, 0x2d2d, 100_000]) {
      expect(among(element('00100022', '', 'implicit', Buffer.alloc(bytes, 'x')))).toMatchObject(GOOD);
    }
    expect(
      among(element('00100022', '', 'implicit', 'ABCD'), element('00100024', '', 'implicit', 'ABCDEF')),
    ).toMatchObject(GOOD);
  });

  it('without a VR is skipped where its value and the next tag look like an element, too', () => {
    // Read as 16 bits of length, the element is empty and another with the same "VR" follows: 0002, which is the length here.
    const number = element('00200013', '', 'implicit', '17');
    const samples = element('00280002', 'US', 'short', '\x01\0');
    const pixels = element('7fe00010', 'OW', 'long', Buffer.alloc(30_000));
    expect(read(Buffer.concat([sampleWith(Buffer.concat([number, samples]), '00280010'), pixels]))).toMatchObject({
      ...GOOD,
      instance_number: 17,
      samples_per_pixel: 1,
    });
    const lookalike = element('00100022', '', 'implicit', 'ABCDCS  EF');
    expect(read(Buffer.concat([sampleWith(lookalike, '00100023'), pixels]))).toMatchObject(GOOD);
  });

  it('can be the first one: what follows two NULs decides whether the data set has VRs', () => {
    for (const form of ['short', 'long'] as const) {
      expect(read(sampleWith(element('00080001', '\0\0', form, 'ABCD'), '0'))).toMatchObject(GOOD);
    }
    expect(read(sampleWith(element('00080001', '', 'implicit', ''), '0'))).toMatchObject(GOOD);
    const implicit = sampleWith(element('00080001', '', 'implicit', ''), '0', { implicit: true });
    expect(read(implicit)).toMatchObject(GOOD);
    // The file meta group may say that there are VRs where there are none.
    expect(read(declaredExplicit(implicit))).toMatchObject(GOOD);
  });

  it('with reserved bytes that are not zero is one as well', () => {
    for (const vr of ['UN', 'OB', 'UT', 'OW']) {
      expect(among(element('00100022', vr, 'short', 'NO HISTORY'))).toMatchObject(GOOD);
      const filled = element('00100022', vr, 'long', 'NO HISTORY');
      filled.write('xx', 6, 'latin1');
      expect(among(filled)).toMatchObject(GOOD);
    }
    expect(
      read(sampleWith(element('00280010', 'UN', 'short', '\x07\0'), '00280011', { without: ['Rows'] })),
    ).toMatchObject({ width: 7 });
  });

  it('has 32 bits of length where nothing plausible follows: a lower tag, an unknown VR, a length beyond the file', () => {
    const behind = (next: Buffer) => among(element('00100022', '??', 'short', 'NO'), next);
    expect(behind(element('00080050', 'SH', 'short', 'ABCD'))).toEqual({ error: 'truncated' });
    expect(behind(element('00100024', '!!', 'short', 'ABCD'))).toEqual({ error: 'truncated' });
    expect(behind(element('00100024', 'LO', 'short', 'ABCD', 60_000))).toEqual({ error: 'truncated' });
  });
});

describe('VR UN', () => {
  it('is little endian in a big endian data set, where an odd VR is not', () => {
    const file = (vr: string) => {
      const value = { vr, value: Buffer.from([0x02, 0x01]) };
      return buildDicomFile({
        dataSet: { ...SAMPLE, Rows: value },
        transferSyntaxUid: TRANSFER_SYNTAX.explicitBigEndian,
      });
    };
    expect(read(file('UN'))).toMatchObject({ width: 0x0102 });
    expect(read(file('US'))).toMatchObject({ width: 0x0201 });
    expect(read(file('OW'))).toMatchObject({ width: 0x0201 });
  });
});
