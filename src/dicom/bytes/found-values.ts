/** What the scanner found in one file: the bytes of each wanted attribute, by slot, and what the values need to be read. */
import { ATTRIBUTES, type AttributeKeyword, slotOf } from './attributes.ts';
import { byteAt } from './bytes.ts';

/** Which kinds of characters the bytes of a value would be as text. Padding at its end is left out. */
export const FORM_BACKSLASH = 1;
const FORM_QUOTE = 2;
/** Not printable ASCII: a NUL inside the value, for instance, or a character of another repertoire. */
export const FORM_NOT_ASCII = 4;
export const FORM_LEADING_SPACE = 8;

const FORMS = new Uint8Array(256).fill(FORM_NOT_ASCII).fill(0, 0x20, 0x7f);
FORMS[0x5c] = FORM_BACKSLASH;
FORMS[0x22] = FORM_QUOTE;
const SPACE = 0x20;

/** The attributes that must not have two values in one file (docs/contract.md, "Duplicates"). */
const IDENTITY_KEYWORDS = [
  'PatientID',
  'StudyInstanceUID',
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'SOPClassUID',
] as const satisfies readonly AttributeKeyword[];

const IS_IDENTITY = new Uint8Array(ATTRIBUTES.length);
for (const keyword of IDENTITY_KEYWORDS) IS_IDENTITY[slotOf(keyword)] = 1;

/** A value of an identity attribute that was found before the last one. */
export interface EarlierValue {
  readonly slot: number;
  readonly bytes: string;
  readonly vr: number;
}

// More values than this are a conflict whatever they hold; keeping them all would let a file choose how much memory it takes.
export const MAX_EARLIER_VALUES = 32;

export class FoundValues {
  /** The bytes as a Latin-1 string; undefined where the attribute is absent or a sequence. */
  readonly bytes: (string | undefined)[] = new Array(ATTRIBUTES.length).fill(undefined);
  /** The VR that each was written with. */
  readonly vrs = new Uint16Array(ATTRIBUTES.length);
  /** `FORM_…`, or 0 for plain text. */
  readonly forms = new Uint8Array(ATTRIBUTES.length);
  /** Length of each without the spaces and NULs at its end. */
  readonly trimmedLengths = new Uint16Array(ATTRIBUTES.length);
  /** Values of identity attributes that a later element replaced. At most `MAX_EARLIER_VALUES`. */
  readonly earlier: EarlierValue[] = [];
  // The window as a string: cutting values from it costs less than one call into the buffer for each.
  #text: string | undefined;

  /** Forgets the last file. */
  reset(): void {
    this.bytes.fill(undefined);
    if (this.earlier.length > 0) this.earlier.length = 0;
    this.#text = undefined;
  }

  /** Keeps the value at `window[start..end)`. `length` bytes of the window are filled; they stay the same until `leave()` is called. */
  take(slot: number, vr: number, window: Buffer, length: number, start: number, end: number): void {
    if (this.bytes[slot] !== undefined && IS_IDENTITY[slot] === 1) this.#keepEarlier(slot);
    let trimmedEnd = end;
    while (trimmedEnd > start && isPadding(byteAt(window, trimmedEnd - 1))) trimmedEnd--;
    let form = trimmedEnd > start && byteAt(window, start) === SPACE ? FORM_LEADING_SPACE : 0;
    for (let at = start; at < trimmedEnd; at++) form |= FORMS[byteAt(window, at)] as number;
    this.#text ??= window.toString('latin1', 0, length);
    this.vrs[slot] = vr;
    this.forms[slot] = form;
    this.trimmedLengths[slot] = trimmedEnd - start;
    this.bytes[slot] = this.#text.substring(start, end);
  }

  /** The element is a sequence, which has no value of its own. */
  drop(slot: number): void {
    if (this.bytes[slot] !== undefined && IS_IDENTITY[slot] === 1) this.#keepEarlier(slot);
    this.bytes[slot] = undefined;
  }

  /** To be called before the window's memory is filled again. */
  leave(): void {
    this.#text = undefined;
  }

  #keepEarlier(slot: number): void {
    const bytes = this.bytes[slot] ?? '';
    const vr = this.vrs[slot] ?? 0;
    const isKnown = this.earlier.some((known) => known.slot === slot && known.vr === vr && known.bytes === bytes);
    if (!isKnown && this.earlier.length < MAX_EARLIER_VALUES) this.earlier.push({ slot, bytes, vr });
  }
}

function isPadding(byte: number): boolean {
  return byte === SPACE || byte === 0;
}
