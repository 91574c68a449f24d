/** Walks the elements of a data set (DICOM PS3.5, 7) up to Pixel Data, and keeps the wanted ones. */
import { LAST_WANTED_TAG, wantedSlot } from './attributes.ts';
import { byteAt, tagBigEndian, tagLittleEndian } from './bytes.ts';
import { isComplete } from './completeness.ts';
import { type Cursor, fail, MORE } from './cursor.ts';
import { ElementHeader, NEEDS_12_BYTES, ODD, READ } from './element-header.ts';
import { startsExplicit } from './first-element.ts';
import type { FoundValues } from './found-values.ts';
import { SCAN_LIMITS } from './limits.ts';
import { Nesting } from './nesting.ts';
import { OddHeaders } from './odd-header.ts';
import { isSequenceLike, startsWithItem } from './sequence-like.ts';
import { ITEM, isItemOrDelimiter, PIXEL_DATA_GROUP, UNDEFINED_LENGTH } from './tags.ts';
import { mayEndWith } from './trailing-bytes.ts';
import { NO_VR, SHORT_FORM, SQ, UN } from './vr.ts';

/** Set in the tags of private elements. */
const ODD_GROUP = 0x10000;
const NOT_WANTED = -1;
const NO_TAG = -1;
const ITEM_FIRST_BYTE = 0xfe;
/** Returned instead of a position when all wanted attributes are found or passed. */
const DONE = -2;

/** The state of the walk over one data set. */
export class DataSet {
  bigEndian = false;
  readonly #found: FoundValues;
  readonly #odd = new OddHeaders();
  readonly #nesting = new Nesting(this.#odd);
  readonly #header = new ElementHeader();
  #implicit = false;
  #implicitExpected = false;
  #beforeFirstElement = true;
  /** The last element outside sequences that was read to its end. */
  #lastTag = NO_TAG;
  /** The element that is being read, its items included. */
  #currentTag = NO_TAG;
  #ascending = true;
  #searching = false;

  constructor(found: FoundValues) {
    this.#found = found;
  }

  /** Resets the state before the first element. `implicitExpected` is the transfer syntax's form. */
  start(implicitExpected: boolean, bigEndian: boolean): void {
    this.bigEndian = bigEndian;
    this.#odd.reset();
    this.#nesting.reset();
    this.#implicit = false;
    this.#implicitExpected = implicitExpected;
    this.#beforeFirstElement = true;
    this.#lastTag = NO_TAG;
    this.#currentTag = NO_TAG;
    this.#ascending = true;
    this.#searching = false;
  }

  /** Whether the current element is after the last wanted attribute, so that a file that ends here lacks none. */
  get isBehindWanted(): boolean {
    return this.#currentTag > LAST_WANTED_TAG;
  }

  /** Scans the window from `start`. Returns true when nothing more is wanted, false when the cursor requests another window. */
  scan(window: Buffer, start: number, end: number, atEnd: boolean, cursor: Cursor): boolean {
    if (this.#odd.isProbing) {
      this.#odd.resume(window, end, cursor);
      return false;
    }
    let at = start;
    for (;;) {
      if (this.#nesting.depth > 0) {
        at = this.#nesting.walk(window, at, end, atEnd, cursor);
        if (at < 0) return false;
      }
      if (at + 8 > end) {
        if (atEnd) return this.#endWith(window.subarray(at, end));
        cursor.pause(at, 12);
        return false;
      }
      if (this.#beforeFirstElement && !this.#meetFirstElement(window, at, end, cursor)) return false;
      at = this.#stepOver(window, at, end, cursor);
      if (at + 8 > end) continue;
      at = this.#readElement(window, at, end, atEnd, cursor);
      if (at < 0) return at === DONE;
      if (at > end) {
        if (atEnd) fail('truncated');
        cursor.skipTo(at);
        return false;
      }
    }
  }

  /**
   * Most elements of a header are short and end within the window, and many are private (odd groups; PS3.5, 7.8). This keeps the wanted
   * ones, skips the others, and leaves all other elements to `#readElement`.
   */
  #stepOver(window: Buffer, start: number, end: number, cursor: Cursor): number {
    const implicit = this.#implicit;
    // Which of two bytes is the low one.
    const low = this.bigEndian ? 1 : 0;
    const high = 1 - low;
    let at = start;
    let elementAt = start;
    let count = 0;
    let lastTag = this.#lastTag;
    let ascending = this.#ascending;
    while (at + 8 <= end) {
      // Signed: a tag of group 8000 or above is negative.
      const tag =
        (byteAt(window, at + low) << 16) |
        (byteAt(window, at + high) << 24) |
        byteAt(window, at + 2 + low) |
        (byteAt(window, at + 2 + high) << 8);
      if (tag > LAST_WANTED_TAG || tag < 0) break;
      let next = at + 8 + (byteAt(window, at + 6 + low) | (byteAt(window, at + 6 + high) << 8));
      let vr = NO_VR;
      if (implicit) next = at + 8 + window.readUInt32LE(at + 4);
      else {
        vr = (byteAt(window, at + 4) << 8) | byteAt(window, at + 5);
        if (SHORT_FORM[vr] !== 1) break;
      }
      if (next > end) break;
      if ((tag & ODD_GROUP) === 0) {
        const slot = wantedSlot(tag >>> 16, tag & 0xffff);
        if (slot !== NOT_WANTED) {
          const valueAt = at + 8;
          // A text or number of the usual forms never starts so; an item of an implicit sequence does.
          if (implicit && byteAt(window, valueAt) === ITEM_FIRST_BYTE)
            this.#keep(slot, vr, window, end, valueAt, next - valueAt);
          else this.#found.take(slot, vr, window, end, valueAt, Math.min(next, valueAt + SCAN_LIMITS.valueBytes));
        }
      }
      if (tag <= lastTag) ascending = false;
      lastTag = tag;
      elementAt = at;
      at = next;
      count++;
    }
    if (count === 0) return at;
    this.#lastTag = lastTag;
    this.#currentTag = lastTag;
    this.#ascending = ascending;
    this.#nesting.behindSequence = implicit && this.#isSequence(window, elementAt, end);
    cursor.countElements(count);
    return at;
  }

  /** Whether the implicit element at `at`, which ends within the window, may be a sequence. */
  #isSequence(window: Buffer, at: number, end: number): boolean {
    this.#header.read(window, at, end, true, false);
    return isSequenceLike(this.#header, this.#lastTag, window, at + 8, end, false) === true;
  }

  /** Reads any element or delimiter. Returns the position after it, `MORE` or `DONE`. */
  #readElement(window: Buffer, at: number, end: number, atEnd: boolean, cursor: Cursor): number {
    const tag = this.bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at);
    if (isItemOrDelimiter(tag)) {
      if (tag === ITEM || !this.#nesting.behindSequence) fail('bad_sequence');
      this.#nesting.behindSequence = false;
      cursor.countElement();
      return at + 8;
    }
    this.#currentTag = tag;
    if (tag > LAST_WANTED_TAG && (tag >>> 16 === PIXEL_DATA_GROUP || !this.#mustGoOn(tag))) return DONE;
    const outcome = this.#header.read(window, at, end, this.#implicit, this.bigEndian);
    if (outcome !== READ) {
      if (atEnd && at + 12 > end && isNul(window, at, end)) return DONE;
      if (outcome === NEEDS_12_BYTES) return atEnd ? fail('truncated') : cursor.pause(at, 12);
    }
    if (outcome === ODD && !this.#odd.resolve(this.#header, tag, window, at, end, this.bigEndian, cursor)) return MORE;
    return this.#readValue(tag, window, at, end, atEnd, cursor);
  }

  #readValue(tag: number, window: Buffer, at: number, end: number, atEnd: boolean, cursor: Cursor): number {
    const { vr, size, length } = this.#header;
    const slot = wantedSlot(tag >>> 16, tag & 0xffff);
    const valueAt = at + size;
    if (length === UNDEFINED_LENGTH) {
      if (slot !== NOT_WANTED) this.#found.drop(slot);
      this.#count(tag, cursor);
      this.#nesting.open(vr, this.#implicit, this.bigEndian);
      return valueAt;
    }
    if (slot !== NOT_WANTED) {
      const needed = Math.min(length, SCAN_LIMITS.valueBytes);
      if (valueAt + needed > end) return atEnd ? fail('truncated') : cursor.pause(at, size + needed);
    }
    const isSequence = isSequenceLike(this.#header, tag, window, valueAt, end, this.bigEndian);
    if (isSequence === MORE) return atEnd ? fail('truncated') : cursor.pause(at, size + 4);
    if (slot !== NOT_WANTED) this.#keep(slot, vr, window, end, valueAt, length);
    this.#count(tag, cursor);
    this.#nesting.behindSequence = isSequence;
    return valueAt + length;
  }

  /** Keeps the value of a wanted attribute, unless it is a sequence. */
  #keep(slot: number, vr: number, window: Buffer, end: number, at: number, length: number): void {
    const hasItems =
      vr === SQ ||
      ((vr === NO_VR || vr === UN) && length >= 8 && startsWithItem(window, at, this.bigEndian && vr !== UN));
    if (hasItems) this.#found.drop(slot);
    else this.#found.take(slot, vr, window, end, at, at + Math.min(length, SCAN_LIMITS.valueBytes));
  }

  #count(tag: number, cursor: Cursor): void {
    cursor.countElement();
    if (tag <= this.#lastTag) this.#ascending = false;
    this.#lastTag = tag;
  }

  /** Whether a wanted attribute may follow after `tag`. Once true, it stays true, since the attribute would be out of order. */
  #mustGoOn(tag: number): boolean {
    if (!this.#searching) this.#searching = !this.#ascending || tag <= this.#lastTag || !isComplete(this.#found);
    return this.#searching;
  }

  /** The file ends with fewer bytes than an element's header has. */
  #endWith(rest: Buffer): true {
    if (!mayEndWith(rest, this.#lastTag < 0 ? 0 : this.#lastTag >>> 16, this.bigEndian)) {
      this.#currentTag = NO_TAG;
      fail('truncated');
    }
    return true;
  }

  /** Determines from the first element whether VRs are written. Returns false when the cursor requests another window. */
  #meetFirstElement(window: Buffer, at: number, end: number, cursor: Cursor): boolean {
    const explicit = this.bigEndian || startsExplicit(window, at, end, this.#implicitExpected, cursor);
    if (explicit === MORE) return false;
    this.#beforeFirstElement = false;
    this.#implicit = !explicit;
    return true;
  }
}

function isNul(window: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (byteAt(window, at) !== 0) return false;
  return true;
}
