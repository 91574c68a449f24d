/**
 * Finds the length of an element whose header is none of PS3.5's (docs/contract.md, "Odd headers"): a VR that is in no table, no VR at all in an
 * explicit data set, or reserved bytes that are not zero. What follows the element decides which form its length has.
 */
import { tagBigEndian, tagLittleEndian, unsigned16, unsigned32 } from './bytes.ts';
import { type Cursor, MORE } from './cursor.ts';
import type { ElementHeader } from './element-header.ts';
import { ITEM, ITEM_END, SEQUENCE_END, UNDEFINED_LENGTH } from './tags.ts';
import { isLongForm, isPrintable, NO_VR, SHORT_FORM, SQ, UN } from './vr.ts';

// The forms of a length: 16 bits, 32 bits, implicit VR.
const [SHORT, LONG, IMPLICIT] = [0, 1, 2] as const;
type Form = typeof SHORT | typeof LONG | typeof IMPLICIT;

// The forms in the order in which they are tried. Behind a tag, bytes that can't be characters are most often the length of an implicit element:
// its value is part of what the other forms take for the next element, and can look like one.
const VR_FIRST: readonly Form[] = [SHORT, LONG, IMPLICIT];
const LENGTH_FIRST: readonly Form[] = [IMPLICIT, SHORT, LONG];

const HEADER_BYTES = 12;
const NO_ELEMENT = -1;

type Verdict = 'plausible' | 'implausible' | typeof MORE;

/** The state of the search for one element's form. */
export class OddHeaders {
  /** Start of the element whose form is searched or was found last, as a byte of the file. */
  #position = NO_ELEMENT;
  #probing = false;
  #forms = VR_FIRST;
  #tried = 0;
  #tag = 0;
  #vr = NO_VR;
  #bigEndian = false;
  // The length in each form: numbers and no copy of the bytes, since a data set may consist of such elements only.
  #shortLength = 0;
  #longLength: number | undefined;
  #implicitLength = 0;

  reset(): void {
    this.#position = NO_ELEMENT;
    this.#probing = false;
  }

  /** Whether this has requested the next window, which must then be passed to `resume`. */
  get isProbing(): boolean {
    return this.#probing;
  }

  /** Sets size, length and VR of the element at `at`. Returns false when the cursor requests another window. */
  resolve(
    header: ElementHeader,
    tag: number,
    window: Buffer,
    at: number,
    end: number,
    bigEndian: boolean,
    cursor: Cursor,
  ): boolean {
    const position = cursor.offset + at;
    if (position !== this.#position) {
      if (at + HEADER_BYTES > end && cursor.offset + end < cursor.size) {
        cursor.pause(at, HEADER_BYTES);
        return false;
      }
      this.#start(position, tag, header.vr, bigEndian);
      this.#shortLength = unsigned16(window, at + 6, bigEndian);
      this.#longLength = at + HEADER_BYTES > end ? undefined : unsigned32(window, at + 8, bigEndian);
      this.#implicitLength = unsigned32(window, at + 4, bigEndian);
      this.#forms = this.#mayBeLength() ? LENGTH_FIRST : VR_FIRST;
      this.#probing = !this.#probe(window, end, cursor);
      if (this.#probing) return false;
    }
    this.#apply(header);
    return true;
  }

  /** Goes on with a window that was asked for, and asks for the element itself again when its form is known. */
  resume(window: Buffer, end: number, cursor: Cursor): void {
    if (!this.#probe(window, end, cursor)) return;
    this.#probing = false;
    cursor.seek(this.#position, HEADER_BYTES);
  }

  get #form(): Form {
    // Where none is plausible, 32 bits.
    return this.#forms[this.#tried] ?? LONG;
  }

  /** The length in this form. Bytes behind the end of the file count as 0. */
  get #length(): number {
    const form = this.#form;
    if (form === SHORT) return this.#shortLength;
    return form === LONG ? (this.#longLength ?? 0) : this.#implicitLength;
  }

  #start(position: number, tag: number, vr: number, bigEndian: boolean): void {
    this.#position = position;
    this.#tag = tag;
    this.#vr = vr;
    this.#bigEndian = bigEndian;
    this.#tried = 0;
  }

  /** Whether the bytes where the VR is expected are rather half of a length: no characters, nor the two NULs of an unset VR. */
  #mayBeLength(): boolean {
    if (this.#vr === NO_VR || isPrintable(this.#vr)) return false;
    return this.#implicitLength % 2 === 0;
  }

  #apply(header: ElementHeader): void {
    header.size = this.#form === LONG ? 12 : 8;
    header.length = this.#length;
    // For any other VR, the dictionary's VR applies.
    header.vr = this.#vr === SQ || this.#vr === UN ? this.#vr : NO_VR;
  }

  /** Tries one form after the other. Returns false when the cursor asks for another window. */
  #probe(window: Buffer, end: number, cursor: Cursor): boolean {
    for (; this.#tried < this.#forms.length; this.#tried++) {
      const verdict = this.#judge(window, end, cursor);
      if (verdict === MORE) return false;
      if (verdict === 'plausible') return true;
    }
    return true;
  }

  #judge(window: Buffer, end: number, cursor: Cursor): Verdict {
    const form = this.#form;
    if (form === LONG && this.#longLength === undefined) return 'implausible';
    const length = this.#length;
    const hasItems = length === UNDEFINED_LENGTH;
    const next = this.#position + (form === LONG ? 12 : 8) + (hasItems ? 0 : length);
    if (next > cursor.size) return 'implausible';
    if (next === cursor.size && !hasItems) return 'plausible';
    const at = next - cursor.offset;
    if (at < 0 || (at + HEADER_BYTES > end && cursor.offset + end < cursor.size))
      return cursor.seek(next, HEADER_BYTES);
    if (at + 8 > end) return 'implausible';
    const tag = this.#bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at);
    // Most forms fail here, so this comes before all other checks.
    if (tag <= this.#tag && tag < ITEM) return 'implausible';
    if (hasItems) return tag === ITEM || tag === SEQUENCE_END ? 'plausible' : 'implausible';
    if (tag === ITEM_END || tag === SEQUENCE_END) return 'plausible';
    return tag > this.#tag && this.#fits(window, at, end, cursor) ? 'plausible' : 'implausible';
  }

  /** Whether the element at `at` has a VR that may follow, and a length with which it ends within the file. */
  #fits(window: Buffer, at: number, end: number, cursor: Cursor): boolean {
    const vr = window.readUInt16BE(at + 4);
    let form = this.#form;
    if (SHORT_FORM[vr] === 1) form = SHORT;
    else if (isLongForm(vr)) {
      if (window[at + 6] === 0 && window[at + 7] === 0) form = LONG;
    } else if (vr !== this.#vr && !(form === IMPLICIT && this.#isInImplicitRun(vr))) return false;
    const size = form === LONG ? 12 : 8;
    if (at + size > end) return false;
    const length = lengthAt(window, at, form, this.#bigEndian);
    return length === UNDEFINED_LENGTH || cursor.offset + at + size + length <= cursor.size;
  }

  /** Whether an implicit element may follow: neither its length nor that of the one before looks like a VR. */
  #isInImplicitRun(nextVr: number): boolean {
    return !isPrintable(this.#vr) && !isPrintable(nextVr);
  }
}

function lengthAt(window: Buffer, at: number, form: number, bigEndian: boolean): number {
  if (form === SHORT) return unsigned16(window, at + 6, bigEndian);
  return unsigned32(window, form === LONG ? at + 8 : at + 4, bigEndian);
}
