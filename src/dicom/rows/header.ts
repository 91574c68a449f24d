/** The wanted attributes of one scanned file as typed values, by docs/contract.md, "Header rules". */
import { ATTRIBUTES, slotOf } from '../bytes/attributes.ts';
import { FORM_BACKSLASH, FORM_LEADING_SPACE, FORM_NOT_ASCII, MAX_EARLIER_VALUES } from '../bytes/found-values.ts';
import type { HeaderScanner } from '../bytes/scan.ts';
import { binaryVr, UN, vrCode } from '../bytes/vr.ts';
import { numbersText, readNumber } from '../values/binary-values.ts';
import { initialRepertoire, type Repertoire } from '../values/character-sets.ts';
import { parseDate, parseTime, parseWholeDate } from '../values/dates.ts';
import { parseDecimal, parseInteger, toFinite, toInt32 } from '../values/numbers.ts';
import { cutCharacters, trimValues, withoutNuls } from '../values/padding.ts';
import { decodeText } from '../values/text.ts';

const CHARACTER_SET = slotOf('SpecificCharacterSet');
const DICTIONARY_VRS = Uint16Array.from(ATTRIBUTES, ({ vr }) => vrCode(vr));
const PERSON_NAME = vrCode('PN');
// A space next to a backslash.
const PADDED_VALUE = / \\|\\ /;

/** A view of the scanner's current values: valid until it scans the next file. */
export class DicomHeader {
  readonly #scanner: HeaderScanner;
  #repertoire: Repertoire;

  constructor(scanner: HeaderScanner) {
    this.#scanner = scanner;
    this.#repertoire = initialRepertoire(undefined);
  }

  /** To be called when the scanner has finished a file. */
  refresh(): void {
    this.#repertoire = initialRepertoire(this.#scanner.found.bytes[CHARACTER_SET]);
  }

  get transferSyntaxUid(): string {
    return cutCharacters(this.#scanner.transferSyntaxUid, 64);
  }

  /** Multi-valued text stays joined by `\`. Null where the attribute is absent, `''` where it is empty. */
  text(slot: number): string | null {
    const bytes = this.#scanner.found.bytes[slot];
    if (bytes === undefined) return null;
    if (bytes === '') return '';
    const form = this.#scanner.found.forms[slot] ?? FORM_NOT_ASCII;
    const vr = this.#scanner.found.vrs[slot] ?? 0;
    // Most text is plain ASCII whose values are not padded one by one.
    if ((form & (FORM_NOT_ASCII | FORM_LEADING_SPACE)) === 0 && this.#binaryVr(slot, vr) === undefined) {
      if ((form & FORM_BACKSLASH) === 0 || !PADDED_VALUE.test(bytes)) return this.#trimmed(bytes, slot);
    }
    return this.#decoded(slot, bytes, vr);
  }

  #decoded(slot: number, bytes: string, vr: number): string {
    const binary = this.#binaryVr(slot, vr);
    if (binary !== undefined) return numbersText(bytes, binary, this.#isBigEndian(vr));
    const personName = DICTIONARY_VRS[slot] === PERSON_NAME;
    return trimValues(decodeText(withoutNuls(bytes), this.#repertoire, personName), personName);
  }

  /** The text if it is printable ASCII without quotes and backslashes, as usual. Undefined for other text and for numbers. */
  plainText(slot: number): string | undefined {
    const bytes = this.#scanner.found.bytes[slot];
    return bytes === undefined || !this.isPlain(slot) ? undefined : this.#trimmed(bytes, slot);
  }

  /** Whether the last element of this attribute holds what `plainText` returns. */
  isPlain(slot: number): boolean {
    const { forms, vrs } = this.#scanner.found;
    return forms[slot] === 0 && this.#binaryVr(slot, vrs[slot] ?? 0) === undefined;
  }

  /** Whether the file has an identity attribute more than once. */
  get hasRepeatedIdentity(): boolean {
    return this.#scanner.found.earlier.length > 0;
  }

  /** Whether the file has this identity attribute more than once. */
  isRepeated(slot: number): boolean {
    return this.hasRepeatedIdentity && this.#scanner.found.earlier.some((value) => value.slot === slot);
  }

  /** The texts of this identity attribute before the last one. */
  earlierTexts(slot: number): string[] {
    const values = this.#scanner.found.earlier.filter((value) => value.slot === slot);
    return values.map(({ bytes, vr }) => this.#decoded(slot, bytes, vr));
  }

  /** Whether the scanner stopped keeping the values of repeated identity attributes. */
  get hasTooManyValues(): boolean {
    return this.#scanner.found.earlier.length === MAX_EARLIER_VALUES;
  }

  #trimmed(bytes: string, slot: number): string {
    const length = this.#scanner.found.trimmedLengths[slot] ?? 0;
    return length === bytes.length ? bytes : bytes.substring(0, length);
  }

  integer(slot: number): number | null {
    const bytes = this.#scanner.found.bytes[slot];
    if (bytes === undefined || bytes === '') return null;
    const vr = this.#scanner.found.vrs[slot] ?? 0;
    const binary = this.#binaryVr(slot, vr);
    if (binary === undefined) return parseInteger(bytes);
    const value = readNumber(bytes, 0, binary, this.#isBigEndian(vr));
    return value === undefined ? null : toInt32(value);
  }

  decimal(slot: number): number | null {
    const bytes = this.#scanner.found.bytes[slot];
    if (bytes === undefined || bytes === '') return null;
    const vr = this.#scanner.found.vrs[slot] ?? 0;
    const binary = this.#binaryVr(slot, vr);
    if (binary === undefined) return parseDecimal(bytes);
    const value = readNumber(bytes, 0, binary, this.#isBigEndian(vr));
    return value === undefined ? null : toFinite(value);
  }

  date(slot: number): string | null {
    const bytes = this.#textBytes(slot);
    return bytes === undefined ? null : parseDate(bytes);
  }

  /** Eight digits; null where month or day is missing. */
  wholeDate(slot: number): string | null {
    const bytes = this.#textBytes(slot);
    return bytes === undefined ? null : parseWholeDate(bytes);
  }

  time(slot: number): string | null {
    const bytes = this.#textBytes(slot);
    return bytes === undefined ? null : parseTime(bytes);
  }

  #textBytes(slot: number): string | undefined {
    const { bytes, vrs } = this.#scanner.found;
    return this.#binaryVr(slot, vrs[slot] ?? 0) === undefined ? bytes[slot] : undefined;
  }

  #binaryVr(slot: number, vr: number) {
    return binaryVr(vr, DICTIONARY_VRS[slot] ?? 0);
  }

  /** The values of UN are little endian in every transfer syntax (PS3.5, 6.2.2). */
  #isBigEndian(vr: number): boolean {
    return this.#scanner.bigEndian && vr !== UN;
  }
}
