/**
 * Finds the wanted attributes in a DICOM file (PS3.10 and PS3.5, section 7) without reading what lies between them. It owns no file: it is
 * fed windows of bytes and says which it wants next, so that a file, an inflated buffer or a ranged read fits behind it.
 */
import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import { LAST_WANTED_TAG, slotOf, wantedSlot } from './attributes.ts';
import { byteAt, tagBigEndian, tagLittleEndian, unsigned32 } from './bytes.ts';
import { FoundValues } from './found-values.ts';
import { afterPrefix } from './prefix.ts';
import { mayEndWith } from './trailing-bytes.ts';
import { isPrintable, looksLikeVr, NO_VR, SHORT_FORM, SQ, UN } from './vr.ts';

/** The bounds of one header (contract, "Rules"). Sizes in bytes. */
const SCAN_LIMITS = {
  scannedBytes: 64 << 20,
  elements: 100_000,
  nesting: 128,
  // More than any column holds in any character set; the rest of a longer value is skipped.
  valueBytes: 4096,
} as const;

const UNDEFINED_LENGTH = 0xffffffff;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const FIRST_DELIMITER = 0xfffe0000;
const PIXEL_DATA_GROUP = 0x7fe0;

const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';
// PS3.5, A.5; PS3.5, A.7 and A.10 (JPIP): the data set behind the file meta group is one raw deflate stream.
const DEFLATED = new Set(['1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.4.95', '1.2.840.10008.1.2.4.205']);

const LAST_WANTED_GROUP = LAST_WANTED_TAG >>> 16;
const LAST_WANTED_ELEMENT = LAST_WANTED_TAG & 0xffff;
const NOT_WANTED = -1;
const REQUIRED_SLOTS = (
  ['PatientID', 'StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'SOPClassUID', 'StudyDate'] as const
).map(slotOf);

// Each open sequence and each open item of undefined length is a level of the stack; these are its flags.
const IMPLICIT = 1;
const BIG_ENDIAN = 2;
const IN_ITEM = 4;

type Phase = 'preamble' | 'meta' | 'data';

function fail(code: DicomReadErrorCode): never {
  throw new DicomReadError(code);
}

export class HeaderScanner {
  readonly found = new FoundValues();
  transferSyntaxUid = '';
  bigEndian = false;
  /** Set when the data set is deflated: inflate from `offset`, call `startInflated()`, and feed what comes out. */
  deflated = false;
  /** Where the next window must start, */
  offset = 0;
  /** and how many bytes it must hold at least, unless the file ends before. */
  wanted = 132;

  #phase: Phase = 'preamble';
  #implicit = false;
  #beforeFirstElement = true;
  #skipped = false;
  #searching = false;
  #metaEnd = -1;
  #elements = 0;
  #scannedBytes = 0;
  readonly #levels = new Uint8Array(2 * SCAN_LIMITS.nesting);
  #depth = 0;
  #sequences = 0;
  /** The group of the last element outside sequences. */
  #group = 0;
  // The element header last read.
  #vr = NO_VR;
  #headerSize = 0;
  #length = 0;

  /** Forgets the last file. */
  reset(): void {
    this.found.reset();
    this.transferSyntaxUid = '';
    this.deflated = false;
    this.wanted = 132;
    this.#phase = 'preamble';
    this.#metaEnd = -1;
    this.#scannedBytes = 0;
    this.#startData(0, false);
  }

  /** From here on the windows are of the inflated data set, counted from its first byte. */
  startInflated(): void {
    this.#scannedBytes = 0;
    this.#startData(0, false);
  }

  /**
   * Scans `window[0..length)`, whose first byte is byte `offset` of the file; `atEnd` says that the file ends with it. Returns true when
   * nothing more is wanted, false when it wants `wanted` bytes from `offset` on. Throws a DicomReadError.
   */
  scan(window: Buffer, length: number, atEnd: boolean): boolean {
    // What was inflated has a bound of its own.
    if (!this.deflated) this.#scannedBytes += length;
    if (this.#scannedBytes > SCAN_LIMITS.scannedBytes) fail('header_too_large');
    // The window after a skip starts one byte early, which proves that the file reaches that far.
    const at = this.#skipped ? 1 : 0;
    this.#skipped = false;
    try {
      if (at > length) fail('truncated');
      return this.#scanFrom(window, at, length, atEnd);
    } catch (error) {
      if (this.#searching && error instanceof DicomReadError) return true;
      throw error;
    } finally {
      this.found.leave();
    }
  }

  #scanFrom(window: Buffer, start: number, length: number, atEnd: boolean): boolean {
    let at = start;
    if (this.#phase === 'preamble') {
      if (length < 132 && !atEnd) return this.#more(0, 132);
      at = afterPrefix(window, length);
      this.#phase = 'meta';
    }
    if (this.#phase === 'meta') {
      at = this.#scanMeta(window, at, length, atEnd);
      if (at < 0) return false;
      if (this.deflated) return true;
    }
    return this.#scanData(window, at, length, atEnd);
  }

  /** The file meta group: always explicit little endian (PS3.10, 7.1), ends where another group begins. Returns -1 for "more". */
  #scanMeta(window: Buffer, start: number, length: number, atEnd: boolean): number {
    let at = start;
    for (;;) {
      if (at + 8 > length) {
        if (!atEnd) return this.#pause(at, 12);
        if (at + 4 <= length || this.transferSyntaxUid === '') fail('truncated');
        break;
      }
      const ends = this.#metaEnd >= 0 && this.offset + at >= this.#metaEnd;
      if (byteAt(window, at) !== 2 || byteAt(window, at + 1) !== 0) break;
      // Compressed bytes may begin as group 2 does: there the group's own length decides, unless a VR shows that it is wrong.
      const looksLikeMeta = looksLikeVr(byteAt(window, at + 4), byteAt(window, at + 5));
      if (ends && DEFLATED.has(this.transferSyntaxUid) && !looksLikeMeta) break;
      this.#countElement();
      if (!this.#readHeader(window, at, length, !looksLikeMeta, false)) {
        if (atEnd) fail('truncated');
        return this.#pause(at, 12);
      }
      if (this.#length === UNDEFINED_LENGTH) fail('bad_meta');
      const element = byteAt(window, at + 2) | (byteAt(window, at + 3) << 8);
      if (element === 0x0010 || element === 0x0000) {
        const taken = Math.min(this.#length, SCAN_LIMITS.valueBytes);
        const valueAt = at + this.#headerSize;
        if (valueAt + taken > length) {
          if (atEnd) fail('truncated');
          return this.#pause(at, this.#headerSize + taken);
        }
        if (element === 0x0010) this.transferSyntaxUid = uidText(window.toString('latin1', valueAt, valueAt + taken));
        else if (taken === 4) this.#metaEnd = this.offset + valueAt + 4 + window.readUInt32LE(valueAt);
      }
      at += this.#headerSize + this.#length;
      if (at > length) {
        if (atEnd) fail('truncated');
        this.#skipTo(at);
        return -1;
      }
    }
    if (this.transferSyntaxUid === '') fail('no_transfer_syntax');
    this.#phase = 'data';
    if (DEFLATED.has(this.transferSyntaxUid)) {
      this.deflated = true;
      this.offset += at;
      return at;
    }
    this.#startData(this.offset, this.transferSyntaxUid === EXPLICIT_BIG_ENDIAN);
    return at;
  }

  #scanData(window: Buffer, start: number, length: number, atEnd: boolean): boolean {
    let at = start;
    for (;;) {
      if (this.#depth > 0) {
        at = this.#scanNested(window, at, length, atEnd);
        if (at < 0) return false;
      }
      if (at + 8 > length) {
        if (!atEnd) return this.#more(at, 12);
        if (mayEndWith(window.subarray(at, length), this.#group, this.bigEndian)) return true;
        fail('truncated');
      }
      if (this.#beforeFirstElement) this.#recogniseVrForm(window, at);
      at = this.#stepOver(window, at, length);
      if (at + 8 > length) continue;
      const tag = this.bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at);
      if (
        tag > LAST_WANTED_TAG &&
        tag < FIRST_DELIMITER &&
        (tag >>> 16 === PIXEL_DATA_GROUP || !this.#keepsSearching())
      )
        return true;
      if (!this.#readHeader(window, at, length, this.#implicit || tag >= FIRST_DELIMITER, this.bigEndian)) {
        return atEnd ? fail('truncated') : this.#more(at, 12);
      }
      this.#countElement();
      if (tag < FIRST_DELIMITER) this.#group = tag >>> 16;
      const slot = tag < FIRST_DELIMITER ? wantedSlot(tag >>> 16, tag & 0xffff) : NOT_WANTED;
      if (this.#length === UNDEFINED_LENGTH) {
        if (slot !== NOT_WANTED) this.found.drop(slot);
        this.#openSequence((this.#implicit ? IMPLICIT : 0) | (this.bigEndian ? BIG_ENDIAN : 0));
        at += this.#headerSize;
        continue;
      }
      const valueAt = at + this.#headerSize;
      if (slot !== NOT_WANTED) {
        const taken = Math.min(this.#length, SCAN_LIMITS.valueBytes);
        if (valueAt + taken > length) return atEnd ? fail('truncated') : this.#more(at, this.#headerSize + taken);
        if (this.#vr === SQ) this.found.drop(slot);
        else this.found.take(slot, this.#vr, window, length, valueAt, valueAt + taken);
      }
      at = valueAt + this.#length;
      if (at > length) return atEnd ? fail('truncated') : this.#skipTo(at);
    }
  }

  /**
   * Most of a header is short elements that end within the window, many of them private (odd groups; PS3.5, 7.8): this takes those that are
   * wanted, steps over the others, and leaves everything else to the caller.
   */
  #stepOver(window: Buffer, start: number, length: number): number {
    const implicit = this.#implicit;
    // Which of two bytes is the low one.
    const low = this.bigEndian ? 1 : 0;
    const high = 1 - low;
    let at = start;
    let count = 0;
    let lastGroup = this.#group;
    while (at + 8 <= length) {
      const group = byteAt(window, at + low) | (byteAt(window, at + high) << 8);
      if (group > LAST_WANTED_GROUP) break;
      const element = byteAt(window, at + 2 + low) | (byteAt(window, at + 2 + high) << 8);
      if (group === LAST_WANTED_GROUP && element > LAST_WANTED_ELEMENT) break;
      let next = at + 8 + (byteAt(window, at + 6 + low) | (byteAt(window, at + 6 + high) << 8));
      let vr = NO_VR;
      if (implicit) next = at + 8 + window.readUInt32LE(at + 4);
      else {
        vr = (byteAt(window, at + 4) << 8) | byteAt(window, at + 5);
        if (SHORT_FORM[vr] !== 1) break;
      }
      if (next > length) break;
      if ((group & 1) === 0) {
        const slot = wantedSlot(group, element);
        if (slot !== NOT_WANTED) {
          const taken = Math.min(next, at + 8 + SCAN_LIMITS.valueBytes);
          this.found.take(slot, vr, window, length, at + 8, taken);
        }
      }
      at = next;
      lastGroup = group;
      count++;
    }
    this.#group = lastGroup;
    this.#elements += count;
    if (this.#elements > SCAN_LIMITS.elements) fail('too_many_elements');
    return at;
  }

  /** Walks sequences and items of undefined length to their ends (PS3.5, 7.5). Returns -1 for "more". */
  #scanNested(window: Buffer, start: number, length: number, atEnd: boolean): number {
    let at = start;
    while (this.#depth > 0) {
      if (at + 8 > length) return atEnd ? fail('truncated') : this.#pause(at, 12);
      const level = this.#levels[this.#depth - 1] ?? 0;
      const bigEndian = (level & BIG_ENDIAN) !== 0;
      const tag = bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at);
      const delimiter = tag >= FIRST_DELIMITER;
      if (!this.#readHeader(window, at, length, delimiter || (level & IMPLICIT) !== 0, bigEndian)) {
        return atEnd ? fail('truncated') : this.#pause(at, 12);
      }
      this.#countElement();
      at += this.#headerSize;
      if ((level & IN_ITEM) === 0) {
        if (tag === SEQUENCE_END) {
          this.#closeSequence();
          continue;
        }
        if (tag !== ITEM) fail('bad_sequence');
        if (this.#length === UNDEFINED_LENGTH) {
          this.#levels[this.#depth++] = level | IN_ITEM;
          continue;
        }
      } else {
        if (tag === ITEM_END || tag === SEQUENCE_END) {
          this.#depth--;
          // Some writers end the sequence without ending its last item.
          if (tag === SEQUENCE_END) this.#closeSequence();
          continue;
        }
        if (tag === ITEM) fail('bad_sequence');
        if (this.#length === UNDEFINED_LENGTH) {
          this.#openSequence(level & ~IN_ITEM);
          continue;
        }
      }
      at += this.#length;
      if (at > length) {
        if (atEnd) fail('truncated');
        this.#skipTo(at);
        return -1;
      }
    }
    return at;
  }

  #openSequence(flags: number): void {
    if (++this.#sequences > SCAN_LIMITS.nesting) fail('too_deep');
    // CP-246 (PS3.5, 6.2.2): a UN of undefined length holds a sequence in implicit VR little endian, whatever is around it.
    this.#levels[this.#depth++] = this.#vr === UN ? IMPLICIT : flags;
  }

  #closeSequence(): void {
    this.#depth--;
    this.#sequences--;
  }

  /** Reads VR, header size and length of the element at `at`, of which 8 bytes are there. Returns false when it needs 12. */
  #readHeader(window: Buffer, at: number, length: number, implicit: boolean, bigEndian: boolean): boolean {
    this.#headerSize = 8;
    if (!implicit) {
      const first = byteAt(window, at + 4);
      const second = byteAt(window, at + 5);
      this.#vr = (first << 8) | second;
      if (SHORT_FORM[this.#vr] === 1) {
        const low = byteAt(window, at + (bigEndian ? 7 : 6));
        this.#length = low | (byteAt(window, at + (bigEndian ? 6 : 7)) << 8);
        return true;
      }
      // Some writers fall back to implicit VR for an element or a sequence: then these bytes are a length, and hardly ever printable.
      if (isPrintable(first, second)) {
        if (at + 12 > length) return false;
        this.#headerSize = 12;
        this.#length = unsigned32(window, at + 8, bigEndian);
        return true;
      }
    }
    this.#vr = NO_VR;
    this.#length = unsigned32(window, at + 4, bigEndian);
    return true;
  }

  /** The first element shows whether VRs are written, whatever the transfer syntax says (contract, "Rules"). */
  #recogniseVrForm(window: Buffer, at: number): void {
    // A delimiter never has a VR.
    if (byteAt(window, at) === 0xfe && byteAt(window, at + 1) === 0xff) return;
    this.#beforeFirstElement = false;
    if (!this.bigEndian) this.#implicit = !looksLikeVr(byteAt(window, at + 4), byteAt(window, at + 5));
  }

  // A data set out of tag order is against PS3.5, 7.1, but is written. Only a file that would fail is searched to its Pixel Data.
  #keepsSearching(): boolean {
    if (!this.#searching) this.#searching = REQUIRED_SLOTS.some((slot) => this.found.bytes[slot] === undefined);
    return this.#searching;
  }

  #startData(offset: number, bigEndian: boolean): void {
    this.offset = offset;
    this.bigEndian = bigEndian;
    this.#implicit = false;
    this.#beforeFirstElement = true;
    this.#skipped = false;
    this.#searching = false;
    this.#elements = 0;
    this.#depth = 0;
    this.#sequences = 0;
    this.#group = 0;
  }

  #countElement(): void {
    if (++this.#elements > SCAN_LIMITS.elements) fail('too_many_elements');
  }

  #more(at: number, bytes: number): false {
    this.offset += at;
    this.wanted = bytes;
    return false;
  }

  #pause(at: number, bytes: number): -1 {
    this.#more(at, bytes);
    return -1;
  }

  #skipTo(at: number): false {
    this.#skipped = true;
    return this.#more(at - 1, 13);
  }
}

function uidText(value: string): string {
  return value.replace(/[\s\0]+$/, '');
}
