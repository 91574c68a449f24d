/** Reads numbers from a window (DICOM PS3.5, 7.3). The caller must have checked that the window reaches far enough. */

/** One byte. */
export function byteAt(window: Buffer, at: number): number {
  return window[at] as number;
}

/** Group and element as one number. */
export function tagLittleEndian(window: Buffer, at: number): number {
  const group = byteAt(window, at) | (byteAt(window, at + 1) << 8);
  return group * 0x10000 + (byteAt(window, at + 2) | (byteAt(window, at + 3) << 8));
}

/** Group and element as one number. */
export function tagBigEndian(window: Buffer, at: number): number {
  const group = (byteAt(window, at) << 8) | byteAt(window, at + 1);
  return group * 0x10000 + ((byteAt(window, at + 2) << 8) | byteAt(window, at + 3));
}

/** An unsigned 16-bit integer. */
export function unsigned16(window: Buffer, at: number, bigEndian: boolean): number {
  const first = byteAt(window, at);
  const second = byteAt(window, at + 1);
  return bigEndian ? (first << 8) | second : first | (second << 8);
}

/** An unsigned 32-bit integer. */
export function unsigned32(window: Buffer, at: number, bigEndian: boolean): number {
  return bigEndian ? window.readUInt32BE(at) : window.readUInt32LE(at);
}
