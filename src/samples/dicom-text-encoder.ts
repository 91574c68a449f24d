/** Text to bytes by SpecificCharacterSet (DICOM PS3.3, C.12.1.1.2; code extensions PS3.5, 6.1.2.5): the inverse of src/dicom/values/text.ts. */
import iconv from 'iconv-lite';

const SINGLE_BYTE: Readonly<Record<string, string>> = {
  '': 'iso-8859-1',
  'IR 6': 'iso-8859-1',
  'IR 100': 'iso-8859-1',
  'IR 101': 'iso-8859-2',
  'IR 109': 'iso-8859-3',
  'IR 110': 'iso-8859-4',
  'IR 144': 'iso-8859-5',
  'IR 127': 'iso-8859-6',
  'IR 126': 'iso-8859-7',
  'IR 138': 'iso-8859-8',
  'IR 148': 'iso-8859-9',
  'IR 166': 'tis-620',
  'IR 203': 'iso-8859-15',
  'IR 13': 'shift_jis',
  'IR 149': 'cp949',
  'IR 58': 'gbk',
  'IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

/** A repertoire that an escape sequence designates: to G0 (bytes below 0x80) or G1 (bytes above), as in ISO 2022. */
interface Extension {
  readonly escape: string;
  readonly set: 'G0' | 'G1';
  readonly encode: (character: string) => Buffer | null;
}

// Where the available tables follow Microsoft and not the standard (see src/dicom/values/character-sets.ts).
const TABLE_CHARACTERS: Readonly<Record<string, string>> = { '‖': '∥', '−': '－', '¢': '￠', '£': '￡', '¬': '￢' };

const jisX0208 = (character: string) =>
  character === '〜'
    ? Buffer.from([0x21, 0x41])
    : eucBytes('euc-jp', 2, 0x7f)(TABLE_CHARACTERS[character] ?? character);

const eucBytes = (encoding: string, length: number, mask: number) => (character: string) => {
  const bytes = iconv.encode(character, encoding);
  if (bytes.length !== length || bytes.some((byte) => byte < 0x80)) return null;
  return Buffer.from(bytes.map((byte) => byte & mask));
};

// Microsoft's further syllables have a second byte below 0x80.
const koreanBytes = (character: string) => {
  const bytes = iconv.encode(character, 'cp949');
  return bytes.length === 2 ? bytes : null;
};

const jisSupplement = (character: string) => {
  const bytes = iconv.encode(character, 'euc-jp');
  return bytes.length === 3 && bytes[0] === 0x8f ? Buffer.from(bytes.subarray(1).map((byte) => byte & 0x7f)) : null;
};

const latin = (encoding: string) => (character: string) => {
  const bytes = iconv.encode(character, encoding);
  return bytes.length === 1 && (bytes[0] ?? 0) >= 0x80 ? bytes : null;
};

const kana = (character: string) => (/[｡-ﾟ]/.test(character) ? iconv.encode(character, 'shift_jis') : null);

const EXTENSIONS: Readonly<Record<string, Extension>> = {
  'IR 100': { escape: '-A', set: 'G1', encode: latin('iso-8859-1') },
  'IR 101': { escape: '-B', set: 'G1', encode: latin('iso-8859-2') },
  'IR 109': { escape: '-C', set: 'G1', encode: latin('iso-8859-3') },
  'IR 110': { escape: '-D', set: 'G1', encode: latin('iso-8859-4') },
  'IR 144': { escape: '-L', set: 'G1', encode: latin('iso-8859-5') },
  'IR 127': { escape: '-G', set: 'G1', encode: latin('iso-8859-6') },
  'IR 126': { escape: '-F', set: 'G1', encode: latin('iso-8859-7') },
  'IR 138': { escape: '-H', set: 'G1', encode: latin('iso-8859-8') },
  'IR 148': { escape: '-M', set: 'G1', encode: latin('iso-8859-9') },
  'IR 166': { escape: '-T', set: 'G1', encode: latin('tis-620') },
  'IR 203': { escape: '-b', set: 'G1', encode: latin('iso-8859-15') },
  'IR 13': { escape: ')I', set: 'G1', encode: kana },
  'IR 87': { escape: '$B', set: 'G0', encode: jisX0208 },
  'IR 159': { escape: '$(D', set: 'G0', encode: jisSupplement },
  'IR 149': { escape: '$)C', set: 'G1', encode: koreanBytes },
  'IR 58': { escape: '$)A', set: 'G1', encode: eucBytes('gbk', 2, 0xff) },
};

const ASCII = '(B';
// PS3.5, 6.1.2.5.3: before these the writer returns to the repertoires of value 1.
const ENDS_EXTENSION = /[\\\r\n\f\t^=]/;

/**
 * Encodes one text for the character sets of the data set (values of SpecificCharacterSet, in order). With several values, or with
 * an ISO 2022 one, escape sequences are written where a repertoire other than the first is needed. A character that none of
 * them has becomes `?`.
 */
export function encodeText(text: string, characterSets: readonly string[]): Buffer {
  const names = characterSets.map((name) => name.replace(/^ISO[ _]IR[ _]?|^ISO 2022 IR /, 'IR ').trim());
  const first = names[0] ?? '';
  const standalone = SINGLE_BYTE[first] ?? 'iso-8859-1';
  const extended = characterSets.length > 1 || (characterSets[0] ?? '').startsWith('ISO 2022');
  if (!extended) return iconv.encode(text, standalone);

  const extensions = names.flatMap((name) => EXTENSIONS[name] ?? []);
  const initial = EXTENSIONS[first];
  const parts: Buffer[] = [];
  let g0 = ASCII;
  let g1 = initial?.set === 'G1' ? initial.escape : '';
  const invoke = (sequence: string) => parts.push(Buffer.from(`\x1b${sequence}`, 'latin1'));
  for (const character of text) {
    if (character <= '\x7f') {
      if (g0 !== ASCII) invoke(ASCII);
      g0 = ASCII;
      if (ENDS_EXTENSION.test(character)) g1 = initial?.set === 'G1' ? initial.escape : '';
      parts.push(Buffer.from(character, 'latin1'));
      continue;
    }
    const found = extensions.find((extension) => extension.encode(character) !== null);
    const bytes = found?.encode(character);
    if (found === undefined || bytes == null) {
      if (g0 !== ASCII) invoke(ASCII);
      g0 = ASCII;
      parts.push(Buffer.from('?'));
      continue;
    }
    if (found.set === 'G0' && g0 !== found.escape) invoke(found.escape);
    if (found.set === 'G1' && g1 !== found.escape) invoke(found.escape);
    if (found.set === 'G0') g0 = found.escape;
    else g1 = found.escape;
    parts.push(bytes);
  }
  if (g0 !== ASCII) invoke(ASCII);
  return Buffer.concat(parts);
}
