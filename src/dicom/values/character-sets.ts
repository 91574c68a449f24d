/**
 * The repertoires of SpecificCharacterSet (DICOM PS3.3, C.12.1.1.2) and how each decodes bytes. Bytes are Latin-1 strings with one character
 * per byte, as the scanner keeps them.
 */
import iconv from 'iconv-lite';
import { firstValue, withoutNuls } from './padding.ts';

/** Decodes bytes without escape sequences. Invalid bytes become U+FFFD. */
export type Decode = (bytes: string) => string;

/** ISO 8859-1, which is also the default repertoire. */
export const latin1: Decode = (bytes) => bytes;

/** Japanese: JIS X 0208 and 0201 as Shift_JIS, which writers of ISO_IR 13 use. */
export const shiftJis = multiByte('shift_jis', jisCharacters);
/** Korean: KS X 1001 with Microsoft's additional syllables, which Node's own decoder lacks. */
export const korean = multiByte('cp949');
// The library decodes four bytes above the last character to lone surrogates, which databases refuse.
const LONE_SURROGATE = /\p{Surrogate}/gu;
/** Chinese: includes GB 2312 and GBK. */
export const gb18030 = multiByte('gb18030', (text) => text.replace(LONE_SURROGATE, '\ufffd'));
const utf8: Decode = (bytes) => shortUtf8(bytes) ?? Buffer.from(bytes, 'latin1').toString('utf8');

// Most texts are short. For those, two calls into a buffer cost several times as much as this loop.
const SHORT = 128;

/** Undefined for bytes that are long, invalid (Unicode 15, table 3-7), or contain characters of four bytes. */
function shortUtf8(bytes: string): string | undefined {
  if (bytes.length > SHORT) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at++) {
    let code = bytes.charCodeAt(at);
    if (code >= 0x80) {
      const threeBytes = (code & 0xf0) === 0xe0;
      if (!threeBytes && (code < 0xc2 || code > 0xdf)) return undefined;
      const second = bytes.charCodeAt(++at);
      if ((second & 0xc0) !== 0x80) return undefined;
      code = ((code & (threeBytes ? 0x0f : 0x1f)) << 6) | (second & 0x3f);
      if (threeBytes) {
        const third = bytes.charCodeAt(++at);
        code = (code << 6) | (third & 0x3f);
        if ((third & 0xc0) !== 0x80 || code < 0x800 || (code >= 0xd800 && code <= 0xdfff)) return undefined;
      }
    }
    text += String.fromCharCode(code);
  }
  return text;
}

// These are the registered sets (ISO 8859), not the Windows code pages that browsers use instead.
export const latin2 = singleByte('iso-8859-2');
export const latin3 = singleByte('iso-8859-3');
export const latin4 = singleByte('iso-8859-4');
export const latin5 = singleByte('iso-8859-9');
export const latin9 = singleByte('iso-8859-15');
export const cyrillic = singleByte('iso-8859-5');
export const arabic = singleByte('iso-8859-6');
export const greek = singleByte('iso-8859-7');
export const hebrew = singleByte('iso-8859-8');
export const thai = singleByte('tis-620');

/** By the number of the ISO-IR registry. */
const BY_REGISTRY_NUMBER: ReadonlyMap<string, Decode> = new Map([
  ['6', latin1],
  ['100', latin1],
  ['101', latin2],
  ['109', latin3],
  ['110', latin4],
  ['144', cyrillic],
  ['127', arabic],
  ['126', greek],
  ['138', hebrew],
  ['148', latin5],
  ['203', latin9],
  ['166', thai],
  ['13', shiftJis],
  ['149', korean],
  ['58', gb18030],
  ['192', utf8],
  // The two-byte sets of G0 apply only after an escape sequence.
  ['87', latin1],
  ['159', latin1],
]);

/** By name, in capitals without separators. */
const BY_NAME: ReadonlyMap<string, Decode> = new Map([
  ['GB18030', gb18030],
  ['GBK', gb18030],
  ['GB2312', gb18030],
  ['ISO2022GBK', gb18030],
  ['ISO2022GB18030', gb18030],
  ['UTF8', utf8],
]);

/** The meaning of value 1 of SpecificCharacterSet: how bytes before the first escape sequence are decoded. */
export interface Repertoire {
  readonly decode: Decode;
  /** Whether escape sequences are recognised. Not with UTF-8, GB18030 and GBK (PS3.3, C.12.1.1.2). */
  readonly extensible: boolean;
  /** Whether bytes above 0x7F are defined before any escape sequence (ISO 2022: whether G1 is designated). */
  readonly definesHighBytes: boolean;
}

const cache = new Map<string, Repertoire>();
const MAX_CACHED = 256;

/** The repertoire of value 1; `specificCharacterSet` is the element's complete value. Unknown names mean Latin-1. */
export function initialRepertoire(specificCharacterSet: string | undefined): Repertoire {
  const written = specificCharacterSet ?? '';
  const known = cache.get(written);
  if (known !== undefined) return known;
  const repertoire = parseRepertoire(written);
  if (cache.size >= MAX_CACHED) cache.clear();
  // A copy: a string cut from a window would keep the whole window alive.
  cache.set(Buffer.from(written, 'latin1').toString('latin1'), repertoire);
  return repertoire;
}

function parseRepertoire(written: string): Repertoire {
  // Writers vary in case, `_`, `-` and spaces: ISO_IR 100, ISO_IR_100, ISO-IR 100, iso ir 100.
  const name = firstValue(withoutNuls(written))
    .replaceAll(/[_\- ]/g, '')
    .toUpperCase();
  const number = /^ISO(?:2022)?IR(\d+)$/.exec(name)?.[1];
  const byName = BY_NAME.get(name);
  const decode = (number === undefined ? byName : BY_REGISTRY_NUMBER.get(number)) ?? latin1;
  return {
    decode,
    extensible: decode !== utf8 && byName === undefined,
    definesHighBytes: decode !== latin1 || number === '100',
  };
}

function singleByte(encoding: string): Decode {
  const table = Array.from({ length: 128 }, (_, index) => iconv.decode(Buffer.from([0x80 + index]), encoding));
  return (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes.charCodeAt(at);
      text += byte < 0x80 ? bytes[at] : table[byte - 0x80];
    }
    return text;
  };
}

/**
 * A call of the library's decoders takes microseconds, and most texts are short. So the character of each byte or pair of bytes is looked
 * up once and cached. The library decodes texts with longer sequences or invalid bytes as a whole. `correct` is applied to its results.
 */
function multiByte(encoding: string, correct: (text: string) => string = (text) => text): Decode {
  const decode = (bytes: string) => correct(iconv.decode(Buffer.from(bytes, 'latin1'), encoding));
  const singles = new Uint16Array(0x100);
  const pairs = new Uint16Array(0x10000);
  return (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at++) {
      const first = bytes.charCodeAt(at);
      let code = first;
      if (first >= 0x80) {
        code = remembered(singles, first, bytes, at, 1, decode);
        if (code === NO_CHARACTER && at + 1 < bytes.length) {
          code = remembered(pairs, (first << 8) | bytes.charCodeAt(at + 1), bytes, at, 2, decode);
          at++;
        }
      }
      if (code === NO_CHARACTER) return decode(bytes);
      text += String.fromCharCode(code);
    }
    return text;
  };
}

// The replacement character, which no set contains.
const NO_CHARACTER = 0xfffd;

function remembered(
  table: Uint16Array,
  key: number,
  bytes: string,
  at: number,
  length: number,
  decode: Decode,
): number {
  const known = table[key] ?? 0;
  if (known !== 0) return known;
  const text = decode(bytes.substring(at, at + length));
  const code = text.length === 1 ? text.charCodeAt(0) : NO_CHARACTER;
  table[key] = code;
  return code;
}

// The library follows Microsoft for six characters. These are the characters of the standard (JIS X 0208).
const JIS_CHARACTERS: Readonly<Record<string, string>> = {
  '～': '〜',
  '∥': '‖',
  '－': '−',
  '￠': '¢',
  '￡': '£',
  '￢': '¬',
};

function jisCharacters(text: string): string {
  return text.replace(/[～∥－￠￡￢]/g, (character) => JIS_CHARACTERS[character] ?? character);
}

const eucJp = multiByte('euc-jp');
const eucJpStandard = multiByte('euc-jp', jisCharacters);

/** JIS X 0208 in G0: two bytes per character, both below 0x80. */
export const jisX0208: Decode = (bytes) => eucJpStandard(inHighHalf(bytes));

/** JIS X 0212 in G0, which EUC-JP prefixes with a third byte. Decoded pair by pair, so that an invalid pair doesn't affect the next. */
export const jisX0212: Decode = (bytes) =>
  inHighHalf(bytes).replace(/../gs, (pair) => {
    const character = eucJp(`\x8f${pair}`);
    return character.length === 1 ? character : '\ufffd';
  });

function inHighHalf(bytes: string): string {
  let high = '';
  for (let at = 0; at < bytes.length; at++) high += String.fromCharCode(bytes.charCodeAt(at) | 0x80);
  return high;
}
