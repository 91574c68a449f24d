/**
 * Finds the wanted attributes in a DICOM file (PS3.10 and PS3.5, section 7) and skips the others. It opens no file: its caller passes
 * windows of bytes, from a file or an inflated buffer, and the scanner says which one it needs next.
 */
import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import { Cursor } from './cursor.ts';
import { DataSet } from './data-set.ts';
import { FoundValues } from './found-values.ts';
import { MetaGroup } from './meta-group.ts';
import { afterPrefix } from './prefix.ts';

const IMPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2';
const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';

/** After the last wanted attribute, these errors only end the search for attributes that are out of order. */
const HARMLESS_AT_THE_END: ReadonlySet<DicomReadErrorCode> = new Set([
  'truncated',
  'header_too_large',
  'too_many_elements',
  'bad_deflate',
]);

/** Scans one file at a time. */
export class HeaderScanner {
  readonly found = new FoundValues();
  /** Whether the data set is deflated. Then call `startInflated()` and pass the bytes inflated from `offset`. */
  deflated = false;
  readonly #cursor = new Cursor();
  readonly #meta = new MetaGroup();
  readonly #dataSet = new DataSet(this.found);
  #phase: 'preamble' | 'meta' | 'data' = 'preamble';

  /** The value in the file meta group, without padding. */
  get transferSyntaxUid(): string {
    return this.#meta.transferSyntaxUid;
  }

  /** The byte order of numbers, except in VR UN. */
  get bigEndian(): boolean {
    return this.#dataSet.bigEndian;
  }

  /** Where the next window must start, */
  get offset(): number {
    return this.#cursor.offset;
  }

  /** and how many bytes it must hold at least, unless the file ends before. */
  get wanted(): number {
    return this.#cursor.wanted;
  }

  /** Forgets the last file. `size` is that of the next one in bytes. */
  reset(size = Number.POSITIVE_INFINITY): void {
    this.found.reset();
    this.deflated = false;
    this.#cursor.reset(size);
    this.#meta.reset();
    this.#dataSet.start(false, false);
    this.#phase = 'preamble';
  }

  /** The following windows are of the inflated data set, and offsets count from its first byte. */
  startInflated(): void {
    this.#cursor.startInflated();
    this.#dataSet.start(false, false);
  }

  /** Sets the size of the inflated data set as soon as it is known. Odd headers are checked against it. */
  endsAt(size: number): void {
    this.#cursor.size = size;
  }

  /**
   * Scans `window[0..length)`, whose first byte is byte `offset` of the file; `atEnd` says that the file ends with it. Returns true when
   * nothing more is wanted, false when it wants `wanted` bytes from `offset` on. Throws a DicomReadError.
   */
  scan(window: Buffer, length: number, atEnd: boolean): boolean {
    try {
      const at = this.#cursor.enter(length, atEnd);
      return this.#scanFrom(window, at, length, atEnd);
    } catch (error) {
      if (this.endsWell(error)) return true;
      throw error;
    } finally {
      this.found.leave();
    }
  }

  /** Whether the values are complete despite this error, because it is after all wanted attributes. */
  endsWell(error: unknown): boolean {
    return error instanceof DicomReadError && this.#dataSet.isBehindWanted && HARMLESS_AT_THE_END.has(error.code);
  }

  #scanFrom(window: Buffer, start: number, length: number, atEnd: boolean): boolean {
    const cursor = this.#cursor;
    let at = start;
    if (this.#phase === 'preamble') {
      if (length < 132 && !atEnd) {
        cursor.seek(0, 132);
        return false;
      }
      at = afterPrefix(window, length);
      this.#phase = 'meta';
    }
    if (this.#phase === 'meta') {
      at = this.#meta.scan(window, at, length, atEnd, cursor);
      if (at < 0) return false;
      this.#phase = 'data';
      this.deflated = this.#meta.isDeflated;
      if (this.deflated) {
        cursor.pause(at, 0);
        return true;
      }
      const { transferSyntaxUid } = this;
      this.#dataSet.start(transferSyntaxUid === IMPLICIT_LITTLE_ENDIAN, transferSyntaxUid === EXPLICIT_BIG_ENDIAN);
    }
    return this.#dataSet.scan(window, at, length, atEnd, cursor);
  }
}
