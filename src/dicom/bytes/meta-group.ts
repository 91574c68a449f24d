/** The file meta group (DICOM PS3.10, 7.1; docs/contract.md, "File meta group"), which is always explicit little endian. */
import { byteAt } from './bytes.ts';
import { type Cursor, fail, MORE } from './cursor.ts';
import { ElementHeader, NEEDS_12_BYTES, ODD } from './element-header.ts';
import { SCAN_LIMITS } from './limits.ts';
import { UNDEFINED_LENGTH } from './tags.ts';
import { isKnownVr, isPrintable } from './vr.ts';

// PS3.5, A.5; PS3.5, A.7 and A.10 (JPIP): the data set after the file meta group is one raw deflate stream.
const DEFLATED = new Set(['1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.4.95', '1.2.840.10008.1.2.4.205']);

const GROUP_LENGTH = 0x0000;
const TRANSFER_SYNTAX_UID = 0x0010;
const NOT_KNOWN = -1;

/** Scans the group for its transfer syntax. */
export class MetaGroup {
  /** The first transfer syntax UID of the group; `''` if there is none yet. */
  transferSyntaxUid = '';
  /** Byte of the file at which the group ends according to its length. */
  #end = NOT_KNOWN;
  readonly #header = new ElementHeader();

  reset(): void {
    this.transferSyntaxUid = '';
    this.#end = NOT_KNOWN;
  }

  get isDeflated(): boolean {
    return DEFLATED.has(this.transferSyntaxUid);
  }

  /** Reads from `start` to the first element of another group. Returns the position of that element, or `MORE`. */
  scan(window: Buffer, start: number, end: number, atEnd: boolean, cursor: Cursor): number {
    let at = start;
    for (;;) {
      if (at + 8 > end) {
        if (!atEnd) return cursor.pause(at, 12);
        if (at + 4 <= end || this.transferSyntaxUid === '') fail('truncated');
        return at;
      }
      if (!this.#holds(window, at, cursor.offset + at)) break;
      const next = this.#readElement(window, at, end, atEnd, cursor);
      if (next < 0) return MORE;
      at = next;
      if (at > end) return atEnd ? fail('truncated') : cursor.skipTo(at);
    }
    if (this.transferSyntaxUid === '') fail('no_transfer_syntax');
    return at;
  }

  /** Whether the element at `at`, byte `position` of the file, belongs to the group. */
  #holds(window: Buffer, at: number, position: number): boolean {
    if (byteAt(window, at) !== 2 || byteAt(window, at + 1) !== 0) return false;
    // Compressed bytes may start like an element of group 2. Where the group's length ends on a boundary, only a VR shows an element.
    const ended = position >= this.#end && this.#endsOnBoundary(position);
    return !(ended && this.isDeflated && !isKnownVr(vrAt(window, at)));
  }

  /** Whether the group's length is right: an element starts at its end. A wrong length is ignored. */
  #endsOnBoundary(position: number): boolean {
    if (this.#end === NOT_KNOWN || this.transferSyntaxUid === '') return false;
    if (position === this.#end) this.#end = 0;
    return this.#end === 0;
  }

  #readElement(window: Buffer, at: number, end: number, atEnd: boolean, cursor: Cursor): number {
    const header = this.#header;
    const outcome = header.read(window, at, end, !isPrintable(vrAt(window, at)), false);
    if (outcome === NEEDS_12_BYTES || (outcome === ODD && at + 12 > end)) {
      return atEnd ? fail('truncated') : cursor.pause(at, 12);
    }
    if (outcome === ODD && !this.#resolveOdd(window, at, end, atEnd, cursor)) return MORE;
    if (header.length === UNDEFINED_LENGTH) fail('bad_meta');
    const element = window.readUInt16LE(at + 2);
    const valueAt = at + header.size;
    if (element === TRANSFER_SYNTAX_UID || element === GROUP_LENGTH) {
      const taken = Math.min(header.length, SCAN_LIMITS.valueBytes);
      if (valueAt + taken > end) return atEnd ? fail('truncated') : cursor.pause(at, header.size + taken);
      if (element === GROUP_LENGTH) this.#takeLength(window, valueAt, taken, cursor);
      else if (this.transferSyntaxUid === '') {
        this.transferSyntaxUid = uidText(window.toString('latin1', valueAt, valueAt + taken));
      }
    }
    cursor.countElement();
    return valueAt + header.length;
  }

  /** A VR of no table: 16 bits of length where an element with a VR or the group's end follows, else 32. False: the cursor asks for more. */
  #resolveOdd(window: Buffer, at: number, end: number, atEnd: boolean, cursor: Cursor): boolean {
    const header = this.#header;
    const short = window.readUInt16LE(at + 6);
    const next = at + 8 + short;
    if (next + 6 > end && !atEnd) {
      cursor.pause(at, 8 + short + 6);
      return false;
    }
    const isShort = next + 6 <= end && (cursor.offset + next === this.#end || isKnownVr(vrAt(window, next)));
    header.size = isShort ? 8 : 12;
    header.length = isShort ? short : window.readUInt32LE(at + 8);
    return true;
  }

  #takeLength(window: Buffer, valueAt: number, length: number, cursor: Cursor): void {
    if (length !== 4 || this.#end !== NOT_KNOWN) return;
    this.#end = cursor.offset + valueAt + 4 + window.readUInt32LE(valueAt);
  }
}

function vrAt(window: Buffer, at: number): number {
  return window.readUInt16BE(at + 4);
}

/** Without padding: NULs before it, what follows the next NUL, and spaces. */
function uidText(value: string): string {
  const start = value.replace(/^\0+/, '');
  const end = start.indexOf('\0');
  return (end < 0 ? start : start.slice(0, end)).trim();
}
