/** What the scanner found in one file: the bytes of each wanted attribute, by slot, and what is worth knowing of them. */
import { ATTRIBUTES } from './attributes.ts';
import { byteAt } from './bytes.ts';

/** Which kinds of characters the bytes of a value would be as text, padding at its end left out. */
export const FORM_BACKSLASH = 1;
const FORM_QUOTE = 2;
export const FORM_NOT_ASCII = 4;

const FORMS = new Uint8Array(256).fill(FORM_NOT_ASCII).fill(0, 0x20, 0x7f);
FORMS[0x5c] = FORM_BACKSLASH;
FORMS[0x22] = FORM_QUOTE;

export class FoundValues {
  /** The bytes as a Latin-1 string; undefined where the attribute is absent or a sequence. */
  readonly bytes: (string | undefined)[] = new Array(ATTRIBUTES.length).fill(undefined);
  /** The VR that each was written with. */
  readonly vrs = new Uint16Array(ATTRIBUTES.length);
  /** `FORM_…`, or 0 for what is plain text. */
  readonly forms = new Uint8Array(ATTRIBUTES.length);
  /** How long each is without the spaces and NULs at its end. */
  readonly trimmedLengths = new Uint16Array(ATTRIBUTES.length);
  // The window as a string: values are cut from it, which costs less than one call into the buffer for each.
  #text: string | undefined;

  /** Forgets the last file. */
  reset(): void {
    this.bytes.fill(undefined);
    this.#text = undefined;
  }

  /** Keeps the value at `window[start..end)`. `length` bytes of the window are filled, and the same ones until `leave()` is called. */
  take(slot: number, vr: number, window: Buffer, length: number, start: number, end: number): void {
    let trimmedEnd = end;
    while (trimmedEnd > start && isPadding(byteAt(window, trimmedEnd - 1))) trimmedEnd--;
    let form = 0;
    for (let at = start; at < trimmedEnd; at++) form |= FORMS[byteAt(window, at)] as number;
    this.#text ??= window.toString('latin1', 0, length);
    this.vrs[slot] = vr;
    this.forms[slot] = form;
    this.trimmedLengths[slot] = trimmedEnd - start;
    this.bytes[slot] = this.#text.substring(start, end);
  }

  /** The element is a sequence, whatever came before. */
  drop(slot: number): void {
    this.bytes[slot] = undefined;
  }

  /** The window will be filled anew. */
  leave(): void {
    this.#text = undefined;
  }
}

function isPadding(byte: number): boolean {
  return byte === 0x20 || byte === 0;
}
