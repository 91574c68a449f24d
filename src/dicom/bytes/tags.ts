/** Special tags and lengths (DICOM PS3.5, 7.5). A tag is group and element as one number. */

/** Start of an item. */
export const ITEM = 0xfffee000;
/** Item delimiter. */
export const ITEM_END = 0xfffee00d;
/** Sequence delimiter. */
export const SEQUENCE_END = 0xfffee0dd;
/** Float Pixel Data and the offset tables belong to this group, too. */
export const PIXEL_DATA_GROUP = 0x7fe0;
/** The length of a value that ends with a delimiter. */
export const UNDEFINED_LENGTH = 0xffffffff;

/** Whether this is an item or one of the two delimiters, which have no VR in any transfer syntax. */
export function isItemOrDelimiter(tag: number): boolean {
  return tag >= ITEM && (tag === ITEM || tag === ITEM_END || tag === SEQUENCE_END);
}
