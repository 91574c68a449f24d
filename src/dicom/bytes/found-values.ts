/** The wanted attributes found in one file: the bytes of each, by slot, and what is needed to parse them. */
import { ATTRIBUTES, type AttributeKeyword, slotOf } from './attributes.ts';
import { byteAt } from './bytes.ts';

/** Flags for the characters of a value, without the padding at its end. This one: it contains a backslash. */
export const FORM_BACKSLASH = 1;
const FORM_QUOTE = 2;
/** It contains other bytes than printable ASCII, e.g. a NUL or a character of another repertoire. */
export const FORM_NOT_ASCII = 4;
/** It starts with a space. */
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

// Maximum number of kept values, which bounds the memory for one file. More are a conflict, even if they are equal.
export const MAX_EARLIER_VALUES = 32;

/** The values of one file; reused for the next. */
export class FoundValues {
  /** The bytes as a Latin-1 string; undefined where the attribute is absent or a sequence. */
  readonly bytes: (string | undefined)[] = new Array(ATTRIBUTES.length).fill(undefined);
  /** The VR of each in the file. */
  readonly vrs = new Uint16Array(ATTRIBUTES.length);
  /** `FORM_…`, or 0 for plain text. */
  readonly forms = new Uint8Array(ATTRIBUTES.length);
  /** The length of each without trailing spaces and NULs. */
  readonly trimmedLengths = new Uint16Array(ATTRIBUTES.length);
  /** Values of identity attributes that a later element replaced. At most `MAX_EARLIER_VALUES`. */
  readonly earlier: EarlierValue[] = [];
  // The window as a string: cutting values from it costs less than one call into the buffer for each.
  #text: string | undefined;

  /** Resets the state for the next file. */
  reset(): void {
    this.bytes.fill(undefined);
    if (this.earlier.length > 0) this.earlier.length = 0;
    this.#text = undefined;
  }

  /** Keeps the value at `window[start..end)`. The first `length` bytes of the window must not change until `leave()` is called. */
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

  /** Removes the value, because the last element of this attribute is a sequence. */
  drop(slot: number): void {
    if (this.bytes[slot] !== undefined && IS_IDENTITY[slot] === 1) this.#keepEarlier(slot);
    this.bytes[slot] = undefined;
  }

  /** To be called before the window's memory is filled again. */
  leave(): void {
    this.#text = undefined;
  }

  #keepEarlier(slot: number): void {
    if (this.earlier.length === MAX_EARLIER_VALUES) return;
    const bytes = this.bytes[slot] ?? '';
    const vr = this.vrs[slot] ?? 0;
    const isKnown = this.earlier.some((known) => known.slot === slot && known.vr === vr && known.bytes === bytes);
    if (!isKnown) this.earlier.push({ slot, bytes, vr });
  }
}

function isPadding(byte: number): boolean {
  return byte === SPACE || byte === 0;
}
