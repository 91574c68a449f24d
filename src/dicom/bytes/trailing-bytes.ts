/** What may stand behind the last element of a file that ends without Pixel Data (docs/contract.md, "Bounds": `truncated`). */
import { LAST_WANTED_TAG } from './attributes.ts';
import { tagBigEndian, tagLittleEndian } from './bytes.ts';

/**
 * Whether what is left of a file, too short for an element's header, is the beginning of none that is wanted: nothing at all, NULs to fill
 * up with, or a tag behind the last wanted one. Of a tag that is cut itself, a byte that isn't there counts as the least it could be; and
 * one of a group before `lastGroup`, which the last element was of, is a stray byte or three.
 */
export function mayEndWith(rest: Buffer, lastGroup: number, bigEndian: boolean): boolean {
  if (rest.every((byte) => byte === 0)) return true;
  const bytes = Buffer.alloc(4);
  rest.copy(bytes);
  const tag = bigEndian ? tagBigEndian(bytes, 0) : tagLittleEndian(bytes, 0);
  return tag > LAST_WANTED_TAG || (rest.length < 4 && tag >>> 16 < lastGroup);
}
