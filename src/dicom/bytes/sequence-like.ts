/** Decides which elements are or may be sequences (docs/contract.md, "Nesting"). */
import { wantedSlot } from './attributes.ts';
import { byteAt, tagBigEndian, tagLittleEndian } from './bytes.ts';
import { MORE } from './cursor.ts';
import type { ElementHeader } from './element-header.ts';
import { ITEM } from './tags.ts';
import { NO_VR, SQ, UN } from './vr.ts';

const ITEM_HEADER_BYTES = 8;

/**
 * Whether an element of defined length is a sequence, or, where its VR doesn't tell, may be one: its value is empty or starts with an item.
 * `valueAt` is the position of its value, `end` that of the window's end. Returns `MORE` where the value has to be looked at and is beyond it.
 */
export function isSequenceLike(
  { vr, length }: ElementHeader,
  tag: number,
  window: Buffer,
  valueAt: number,
  end: number,
  bigEndian: boolean,
): boolean | typeof MORE {
  if (vr === SQ) return true;
  if (vr !== NO_VR && vr !== UN) return false;
  // The dictionary knows the wanted attributes, and none of them is a sequence.
  if (length === 0) return wantedSlot(tag >>> 16, tag & 0xffff) < 0;
  if (length < ITEM_HEADER_BYTES) return false;
  if (valueAt + 4 > end) return MORE;
  return startsWithItem(window, valueAt, bigEndian && vr !== UN);
}

/** Whether four bytes are the tag of an item. The value must be long enough. */
export function startsWithItem(window: Buffer, at: number, bigEndian: boolean): boolean {
  const first = byteAt(window, at);
  if (first !== 0xfe && first !== 0xff) return false;
  return (bigEndian ? tagBigEndian(window, at) : tagLittleEndian(window, at)) === ITEM;
}
