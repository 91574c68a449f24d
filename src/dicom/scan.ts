/**
 * Finds the wanted attributes in a DICOM file (PS3.10 and PS3.5, section 7) without reading what lies between them. It owns no file: it is
 * fed windows of bytes and says which it wants next, so that a file, an inflated buffer or a ranged read fits behind it.
 */
import { DicomReadError, type DicomReadErrorCode } from '../errors.ts';
import { ATTRIBUTES, LAST_WANTED_TAG, maybeWanted, slotOf } from './attributes.ts';
import { byteAt, tagBigEndian, tagLittleEndian, unsigned32 } from './bytes.ts';
import { looksLikeVr, NO_VR, SHORT_FORM, SQ, UN } from './vr.ts';

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
const PIXEL_DATA_GROUP = 0x7fe00000;

const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';
// PS3.5, A.5; PS3.5, A.7 and A.10 (JPIP): the data set behind the file meta group is one raw deflate stream.
const DEFLATED = new Set(['1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.4.95', '1.2.840.10008.1.2.4.205']);

const SLOT_OF_TAG = new Map(ATTRIBUTES.map(({ tag }, slot) => [tag, slot]));
const LAST_WANTED_GROUP = LAST_WANTED_TAG >>> 16;
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
  /** The bytes of each wanted attribute as a Latin-1 string, by slot; undefined where it is absent or a sequence. */
  readonly values: (string | undefined)[] = new Array(ATTRIBUTES.length).fill(undefined);
  /** The VR that each was written with. */
  readonly vrs = new Uint16Array(ATTRIBUTES.length);
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
  // The element header last read.
  #vr = NO_VR;
  #headerSize = 0;
  #length = 0;

  /** Forgets the last file. */
  reset(): void {
    this.values.fill(undefined);
    this.vrs.fill(0);
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
      // Compressed bytes may look like group 2: there the group's own length decides.
      if (ends && DEFLATED.has(this.transferSyntaxUid)) break;
      this.#countElement();
      const implicit = !looksLikeVr(byteAt(window, at + 4), byteAt(window, at + 5));
      if (!this.#readHeader(window, at, length, implicit, false)) {
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
    let text: string | undefined;
    for (;;) {
      if (this.#depth > 0) {
        at = this.#scanNested(window, at, length, atEnd);
        if (at < 0) return false;
      }
      if (at + 8 > length) {
        if (!atEnd) return this.#more(at, 12);
        // The file may end between two elements; a stray byte or three behind the last one has no meaning.
        if (at + 4 > length) return true;
        fail('truncated');
      }
      if (this.#beforeFirstElement) this.#recogniseVrForm(window, at);
      if (!this.bigEndian) {
        at = this.#stepOver(window, at, length);
        if (at + 8 > length) continue;
      }
      const tag = this.bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at);
      if (tag > LAST_WANTED_TAG && tag < FIRST_DELIMITER && (tag >= PIXEL_DATA_GROUP || !this.#keepsSearching()))
        return true;
      if (!this.#readHeader(window, at, length, this.#implicit || tag >= FIRST_DELIMITER, this.bigEndian)) {
        return atEnd ? fail('truncated') : this.#more(at, 12);
      }
      this.#countElement();
      const slot = SLOT_OF_TAG.get(tag);
      if (this.#length === UNDEFINED_LENGTH) {
        if (slot !== undefined) this.values[slot] = undefined;
        this.#openSequence((this.#implicit ? IMPLICIT : 0) | (this.bigEndian ? BIG_ENDIAN : 0));
        at += this.#headerSize;
        continue;
      }
      const valueAt = at + this.#headerSize;
      if (slot !== undefined) {
        const taken = Math.min(this.#length, SCAN_LIMITS.valueBytes);
        if (valueAt + taken > length) return atEnd ? fail('truncated') : this.#more(at, this.#headerSize + taken);
        // One string of the window, from which values are cut, costs less than one call into the buffer for each.
        text ??= window.toString('latin1', 0, length);
        this.vrs[slot] = this.#vr;
        this.values[slot] = this.#vr === SQ ? undefined : text.substring(valueAt, valueAt + taken);
      }
      at = valueAt + this.#length;
      if (at > length) return atEnd ? fail('truncated') : this.#skipTo(at);
    }
  }

  /**
   * Most of a header is short elements that nobody wants, many of them private (odd groups; PS3.5, 7.8): this steps over those that end
   * within the window, and leaves everything else to the caller.
   */
  #stepOver(window: Buffer, start: number, length: number): number {
    const implicit = this.#implicit;
    let at = start;
    let count = 0;
    while (at + 8 <= length) {
      const group = byteAt(window, at) | (byteAt(window, at + 1) << 8);
      if (group >= LAST_WANTED_GROUP) break;
      const element = byteAt(window, at + 2) | (byteAt(window, at + 3) << 8);
      if ((group & 1) === 0 && maybeWanted(group, element)) break;
      const low = byteAt(window, at + 4) | (byteAt(window, at + 5) << 8);
      const high = byteAt(window, at + 6) | (byteAt(window, at + 7) << 8);
      if (!implicit && SHORT_FORM[((low & 0xff) << 8) | (low >> 8)] !== 1) break;
      const next = at + 8 + (implicit ? low + high * 0x10000 : high);
      if (next > length) break;
      at = next;
      count++;
    }
    this.#elements += count;
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
      if (first >= 0x20 && second >= 0x20) {
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
    this.#beforeFirstElement = false;
    if (!this.bigEndian) this.#implicit = !looksLikeVr(byteAt(window, at + 4), byteAt(window, at + 5));
  }

  // A data set out of tag order is against PS3.5, 7.1, but is written. Only a file that would fail is searched to its Pixel Data.
  #keepsSearching(): boolean {
    if (!this.#searching) this.#searching = REQUIRED_SLOTS.some((slot) => this.values[slot] === undefined);
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

/** Behind `DICM`, after the preamble or without one (PS3.10, 7.1). */
function afterPrefix(window: Buffer, length: number): number {
  if (length >= 132 && isPrefix(window, 128)) return 132;
  if (length >= 4 && isPrefix(window, 0)) return 4;
  return fail('not_dicom');
}

function isPrefix(window: Buffer, at: number): boolean {
  return window[at] === 0x44 && window[at + 1] === 0x49 && window[at + 2] === 0x43 && window[at + 3] === 0x4d;
}

function uidText(value: string): string {
  return value.replace(/[\s\0]+$/, '');
}
