/** The header of one data element: tag, VR and length (DICOM PS3.5, 7.1). */
import { byteAt, unsigned32 } from './bytes.ts';
import { isLongForm, NO_VR, SHORT_FORM } from './vr.ts';

/** The header was read. */
export const READ = 0;
/** The header is 12 bytes long, and the window ends before its end. */
export const NEEDS_12_BYTES = 1;
/** The header isn't one of PS3.5: see odd-header.ts. */
export const ODD = 2;

/** The header that was read last; reused, so that an element needs no allocation. */
export class ElementHeader {
  vr = NO_VR;
  /** Bytes from the tag to the value: 8 or 12. */
  size = 8;
  /** Bytes of the value, or `UNDEFINED_LENGTH`. */
  length = 0;

  /** Reads the header at `at`, of which 8 bytes are in the window. */
  read(window: Buffer, at: number, end: number, implicit: boolean, bigEndian: boolean): number {
    this.size = 8;
    if (implicit) {
      this.vr = NO_VR;
      this.length = unsigned32(window, at + 4, bigEndian);
      return READ;
    }
    const vr = (byteAt(window, at + 4) << 8) | byteAt(window, at + 5);
    this.vr = vr;
    if (SHORT_FORM[vr] === 1) {
      const low = byteAt(window, at + (bigEndian ? 7 : 6));
      this.length = low | (byteAt(window, at + (bigEndian ? 6 : 7)) << 8);
      return READ;
    }
    if (!isLongForm(vr) || byteAt(window, at + 6) !== 0 || byteAt(window, at + 7) !== 0) return ODD;
    if (at + 12 > end) return NEEDS_12_BYTES;
    this.size = 12;
    this.length = unsigned32(window, at + 8, bigEndian);
    return READ;
  }
}
