/** Bytes to text: SpecificCharacterSet with its code extensions (DICOM PS3.3, C.12.1.1.2; PS3.5, 6.1; ISO 2022). */
import {
  arabic,
  cyrillic,
  type Decode,
  gb18030,
  greek,
  hebrew,
  jisX0208,
  jisX0212,
  korean,
  latin1,
  latin2,
  latin3,
  latin4,
  latin5,
  latin9,
  type Repertoire,
  shiftJis,
  thai,
} from './character-sets.ts';

/** The set that an escape sequence designates: for bytes below 0x80 (G0), with one or two bytes per character, or above (G1). */
type Invocation =
  | { readonly set: 'G0'; readonly twoBytes: Decode | undefined }
  | { readonly set: 'G1'; readonly decode: Decode };

const g1 = (decode: Decode): Invocation => ({ set: 'G1', decode });

// PS3.3, tables C.12-3 and C.12-4, without the ESC.
const ESCAPES: ReadonlyMap<string, Invocation> = new Map<string, Invocation>([
  ['(B', { set: 'G0', twoBytes: undefined }],
  ['(J', { set: 'G0', twoBytes: undefined }],
  ['$B', { set: 'G0', twoBytes: jisX0208 }],
  ['$@', { set: 'G0', twoBytes: jisX0208 }],
  ['$(D', { set: 'G0', twoBytes: jisX0212 }],
  [')I', g1(shiftJis)],
  ['$)C', g1(korean)],
  ['$)A', g1(gb18030)],
  ['-A', g1(latin1)],
  ['-B', g1(latin2)],
  ['-C', g1(latin3)],
  ['-D', g1(latin4)],
  ['-F', g1(greek)],
  ['-G', g1(arabic)],
  ['-H', g1(hebrew)],
  ['-L', g1(cyrillic)],
  ['-M', g1(latin5)],
  ['-T', g1(thai)],
  ['-b', g1(latin9)],
]);

const ESC = '\x1b';
const NOT_PRINTABLE_ASCII = /[^ -~]/;

/** The values of one text element, still joined by `\`. `personName` is for PN, whose parts end a code extension as values do. */
export function decodeText(bytes: string, repertoire: Repertoire, personName: boolean): string {
  if (!NOT_PRINTABLE_ASCII.test(bytes)) return bytes;
  if (!repertoire.extensible || !bytes.includes(ESC)) return repertoire.decode(bytes);
  return decodeExtended(bytes, repertoire, personName ? /[\\\r\n\f\t^=]/ : /[\\\r\n\f\t]/);
}

/** PS3.5, 6.1.2.5.3: after a delimiter, the repertoires of value 1 apply again. */
function decodeExtended(bytes: string, initial: Repertoire, delimiter: RegExp): string {
  let text = '';
  let high = initial.decode;
  let twoBytes: Decode | undefined;
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] === ESC) {
      const sequence = escapeAt(bytes, at + 1);
      if (sequence !== undefined) {
        if (sequence.invocation.set === 'G0') twoBytes = sequence.invocation.twoBytes;
        else high = sequence.invocation.decode;
        at += 1 + sequence.length;
        continue;
      }
    }
    const next = bytes.indexOf(ESC, at + 1);
    const run = next < 0 ? bytes.slice(at) : bytes.slice(at, next);
    if (twoBytes === undefined) {
      const end = run.search(delimiter) + 1;
      if (end > 0) {
        text += high(run.slice(0, end));
        at += end;
        // If value 1 leaves bytes above 0x7F undefined, the last set still applies, since some writers don't repeat the escape sequence.
        if (initial.definesHighBytes) high = initial.decode;
        continue;
      }
      text += high(run);
      at += run.length;
    } else {
      // Bytes above 0x7F are still those of G1.
      const pairs = /^[!-~]+/.exec(run)?.[0] ?? '';
      const highs = pairs === '' ? (/^[\x80-\xff]+/.exec(run)?.[0] ?? '') : '';
      // Controls and spaces are one byte in every set; the end of a line ends the extension.
      const single = pairs === '' && highs === '' ? run.slice(0, 1) : '';
      text += twoBytePairs(pairs, twoBytes) + high(highs) + single;
      at += pairs.length + highs.length + single.length;
      if (delimiter.test(single)) twoBytes = undefined;
    }
  }
  return text;
}

function escapeAt(bytes: string, at: number): { invocation: Invocation; length: number } | undefined {
  for (const length of [3, 2]) {
    const invocation = ESCAPES.get(bytes.substr(at, length));
    if (invocation !== undefined) return { invocation, length };
  }
  return undefined;
}

function twoBytePairs(bytes: string, decode: Decode): string {
  const whole = bytes.length & ~1;
  return whole === bytes.length ? decode(bytes) : `${decode(bytes.slice(0, whole))}\ufffd`;
}
