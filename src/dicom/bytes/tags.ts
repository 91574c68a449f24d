/** Tags and lengths with a meaning of their own (DICOM PS3.5, 7.5). A tag is group and element as one number. */
export const ITEM = 0xfffee000;
export const ITEM_END = 0xfffee00d;
export const SEQUENCE_END = 0xfffee0dd;
/** Float Pixel Data and the offset tables belong to this group, too. */
export const PIXEL_DATA_GROUP = 0x7fe0;
export const UNDEFINED_LENGTH = 0xffffffff;

/** Whether this is an item or one of the two delimiters, which have no VR in any transfer syntax. */
export function isItemOrDelimiter(tag: number): boolean {
  return tag >= ITEM && (tag === ITEM || tag === ITEM_END || tag === SEQUENCE_END);
}
