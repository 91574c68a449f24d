/** What may follow the last element of a file that ends without Pixel Data (docs/contract.md, "Bounds": `truncated`). */
import { LAST_WANTED_TAG } from './attributes.ts';
import { tagBigEndian, tagLittleEndian } from './bytes.ts';

/**
 * Whether a file may end with these bytes, which are fewer than an element's header has. It may if they are NULs, if their tag is behind the last
 * wanted one, or if up to three stray bytes start a group before `lastGroup`, that of the last element. Missing bytes of a tag count as 0.
 */
export function mayEndWith(rest: Buffer, lastGroup: number, bigEndian: boolean): boolean {
  if (rest.every((byte) => byte === 0)) return true;
  const bytes = Buffer.alloc(4);
  rest.copy(bytes);
  const tag = bigEndian ? tagBigEndian(bytes, 0) : tagLittleEndian(bytes, 0);
  return tag > LAST_WANTED_TAG || (rest.length < 4 && tag >>> 16 < lastGroup);
}
