/** Padding and length limits of text values (DICOM PS3.5, 6.2; docs/contract.md, "Text"). Bytes come as Latin-1 strings. */

const NUL = 0;
const SPACE = 0x20;

/** The value without leading NULs, up to the next NUL. */
export function withoutNuls(bytes: string): string {
  let start = 0;
  while (start < bytes.length && bytes.charCodeAt(start) === NUL) start++;
  const end = bytes.indexOf('\0', start);
  return bytes.slice(start, end < 0 ? bytes.length : end);
}

/** The first of the values that are joined by `\`. */
export function firstValue(bytes: string): string {
  const end = bytes.indexOf('\\');
  return end < 0 ? bytes : bytes.slice(0, end);
}

/** Trims the spaces of each value of decoded text. The values stay joined by `\`. Leading spaces are kept with `keepLeading` (PN). */
export function trimValues(text: string, keepLeading: boolean): string {
  if (!text.includes('\\')) return trimValue(text, keepLeading);
  return text
    .split('\\')
    .map((value) => trimValue(value, keepLeading))
    .join('\\');
}

function trimValue(text: string, keepLeading: boolean): string {
  const trimmed = trimEnd(text);
  if (keepLeading || trimmed.charCodeAt(0) !== SPACE) return trimmed;
  let start = 1;
  while (trimmed.charCodeAt(start) === SPACE) start++;
  return trimmed.slice(start);
}

/** Text without the spaces at its end. A loop, since a regular expression takes quadratic time on spaces in the middle. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === SPACE) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** At most `max` characters. A character is a Unicode code point, as in varchar. */
export function cutCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  let end = 0;
  for (let count = 0; count < max && end < text.length; count++) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  return end >= text.length ? text : text.slice(0, end);
}
