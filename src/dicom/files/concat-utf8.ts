/** Concatenated UTF-8 texts, without separators. */
export interface ConcatenatedUtf8 {
  /**
   * Starts with the texts and may be longer. Not shared, so that it can be transferred to another thread.
   */
  readonly memory: ArrayBuffer;
  /** Length of each text in bytes. */
  readonly lengths: readonly number[];
}

/** UTF-8 needs at most three bytes per UTF-16 unit. */
const MOST_BYTES_A_UNIT = 3;
/** Additional room, so that the last texts are written without measuring them first. */
const SLACK = 4 << 10;

/** Concatenates texts as UTF-8. */
export function concatUtf8(texts: readonly string[]): ConcatenatedUtf8 {
  const units = texts.reduce((sum, { length }) => sum + length, 0);
  let bytes = Buffer.allocUnsafeSlow(units + SLACK);
  let end = 0;
  const lengths = texts.map((text) => {
    if (bytes.length - end < text.length * MOST_BYTES_A_UNIT) bytes = withRoom(bytes, end, Buffer.byteLength(text));
    const length = bytes.write(text, end);
    end += length;
    return length;
  });
  return { memory: bytes.buffer, lengths };
}

/** The same bytes up to `end`, with room for `more` bytes. */
function withRoom(bytes: Buffer<ArrayBuffer>, end: number, more: number): Buffer<ArrayBuffer> {
  if (bytes.length - end >= more) return bytes;
  const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, end + more));
  bytes.copy(larger, 0, 0, end);
  return larger;
}
