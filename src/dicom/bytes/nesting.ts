/**
 * Walks sequences and items of undefined length to their ends (DICOM PS3.5, 7.5), and takes no value from them (docs/contract.md, "Nesting"). Those of
 * defined length are skipped by it.
 */
import { byteAt, tagBigEndian, tagLittleEndian, unsigned32 } from './bytes.ts';
import { type Cursor, fail, MORE } from './cursor.ts';
import { ElementHeader, NEEDS_12_BYTES, ODD } from './element-header.ts';
import { SCAN_LIMITS } from './limits.ts';
import type { OddHeaders } from './odd-header.ts';
import { isSequenceLike } from './sequence-like.ts';
import { ITEM, ITEM_END, isItemOrDelimiter, SEQUENCE_END, UNDEFINED_LENGTH } from './tags.ts';
import { isKnownVr, NO_VR, UN } from './vr.ts';

// Each open sequence and each open item is a level of the stack. These are its flags.
const IMPLICIT = 1;
const BIG_ENDIAN = 2;
const IN_ITEM = 4;
/** The first element will show whether VRs are written. */
const UNDECIDED = 8;

/** The open sequences and items. */
export class Nesting {
  /** Open sequences and items. */
  depth = 0;
  /** Whether the next bytes directly follow a sequence or item of defined length. A stray delimiter is skipped only there. */
  behindSequence = false;
  readonly #levels = new Uint8Array(2 * SCAN_LIMITS.nesting);
  #sequences = 0;
  readonly #header = new ElementHeader();
  readonly #odd: OddHeaders;

  constructor(odd: OddHeaders) {
    this.#odd = odd;
  }

  reset(): void {
    this.depth = 0;
    this.behindSequence = false;
    this.#sequences = 0;
  }

  /** Opens a sequence of undefined length. The data set around it is `implicit` and `bigEndian`. */
  open(vr: number, implicit: boolean, bigEndian: boolean): void {
    this.#open(vr, (implicit ? IMPLICIT : 0) | (bigEndian ? BIG_ENDIAN : 0));
  }

  #open(vr: number, around: number): void {
    if (++this.#sequences > SCAN_LIMITS.nesting) fail('too_deep');
    let flags = around;
    // CP-246 (PS3.5, 6.2.2): a UN of undefined length holds implicit little endian, though some writers leave the VRs in it.
    if (vr === UN) flags = IMPLICIT | UNDECIDED;
    else if (vr === NO_VR && (around & IMPLICIT) === 0) flags |= IMPLICIT | UNDECIDED;
    this.#levels[this.depth++] = flags;
    this.behindSequence = false;
  }

  /** Continues at `start` until no sequence is open. Returns the position after the last one, or `MORE`. */
  walk(window: Buffer, start: number, end: number, atEnd: boolean, cursor: Cursor): number {
    let at = start;
    while (this.depth > 0) {
      if (at + 8 > end) return atEnd ? fail('truncated') : cursor.pause(at, 12);
      const level = this.#levels[this.depth - 1] ?? 0;
      const bigEndian = (level & BIG_ENDIAN) !== 0;
      const tag = bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at);
      if (isItemOrDelimiter(tag)) {
        at += 8 + this.#meetDelimiter(tag, unsigned32(window, at + 4, bigEndian), level, cursor);
      } else {
        if ((level & IN_ITEM) === 0) fail('bad_sequence');
        const next = this.#readElement(tag, window, at, end, atEnd, cursor);
        if (next < 0) return MORE;
        at = next;
      }
      if (at > end) return atEnd ? fail('truncated') : cursor.skipTo(at);
    }
    return at;
  }

  /** Handles an item or delimiter. Returns the number of bytes to skip after the 8 bytes of its tag and length. */
  #meetDelimiter(tag: number, length: number, level: number, cursor: Cursor): number {
    cursor.countElement();
    const inItem = (level & IN_ITEM) !== 0;
    if (tag === ITEM) {
      if (inItem) fail('bad_sequence');
      const opens = length === UNDEFINED_LENGTH;
      if (opens) this.#levels[this.depth++] = level | IN_ITEM;
      this.behindSequence = !opens;
      return opens ? 0 : length;
    }
    if (tag === (inItem ? ITEM_END : SEQUENCE_END)) {
      this.depth--;
      if (!inItem) this.#sequences--;
    } else if (!this.behindSequence) fail('bad_sequence');
    this.behindSequence = false;
    return 0;
  }

  /** Skips one element of an item, or opens it if it is a sequence. Returns the position after it, or `MORE`. */
  #readElement(tag: number, window: Buffer, at: number, end: number, atEnd: boolean, cursor: Cursor): number {
    const level = this.#decided(window, at);
    const implicit = (level & IMPLICIT) !== 0;
    const bigEndian = (level & BIG_ENDIAN) !== 0;
    const header = this.#header;
    const outcome = header.read(window, at, end, implicit, bigEndian);
    if (outcome === NEEDS_12_BYTES) return atEnd ? fail('truncated') : cursor.pause(at, 12);
    if (outcome === ODD && !this.#odd.resolve(header, tag, window, at, end, bigEndian, cursor)) return MORE;
    const valueAt = at + header.size;
    if (header.length === UNDEFINED_LENGTH) {
      cursor.countElement();
      this.#open(header.vr, level & ~IN_ITEM);
      return valueAt;
    }
    const isSequence = isSequenceLike(header, tag, window, valueAt, end, bigEndian);
    if (isSequence === MORE) return atEnd ? fail('truncated') : cursor.pause(at, header.size + 4);
    cursor.countElement();
    this.behindSequence = isSequence;
    return valueAt + header.length;
  }

  /** The flags of the open item. Its first element decides whether VRs are written, for its sequence as well. */
  #decided(window: Buffer, at: number): number {
    const level = this.#levels[this.depth - 1] ?? 0;
    if ((level & UNDECIDED) === 0) return level;
    const explicit = isKnownVr((byteAt(window, at + 4) << 8) | byteAt(window, at + 5));
    const decided = level & ~UNDECIDED & (explicit ? ~IMPLICIT : ~0);
    this.#levels[this.depth - 1] = decided;
    this.#levels[this.depth - 2] = decided & ~IN_ITEM;
    return decided;
  }
}
