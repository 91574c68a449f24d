/**
 * Rows as text in columns under their headings, numbers aligned to the right. Control characters are made visible.
 * Lines longer than `maxWidth` terminal columns are cut and end in `…`.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly unknown[])[],
  maxWidth = Number.POSITIVE_INFINITY,
): string {
  const cells = rows.map((row) => headings.map((_, column) => cell(row[column])));
  const numeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column])));
  const widths = headings.map((heading, column) =>
    Math.max(widthOf(heading), ...cells.map((row) => widthOf(row[column] ?? ''))),
  );
  const line = (texts: readonly string[]) => {
    const padded = texts.map((text, column) => pad(text, widths[column] ?? 0, numeric[column] === true));
    return cut(padded.join('  ').trimEnd(), maxWidth);
  };
  return [line(headings), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line)].join('\n');
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
  if (value instanceof Date) return value.toISOString();
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // What comes from a database must not steer the terminal.
  return text.replace(/\p{Cc}/gu, '·');
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
}

function cut(line: string, maxWidth: number): string {
  if (widthOf(line) <= maxWidth) return line;
  let kept = '';
  let width = 1; // of the ellipsis
  for (const character of line.normalize('NFC')) {
    width += widthOf(character);
    if (width > maxWidth) break;
    kept += character;
  }
  return `${kept}…`;
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** Columns that a terminal gives the text: East Asian characters take two, combining marks none. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text.normalize('NFC')) {
    if (/\p{M}/u.test(character)) continue;
    width += WIDE.test(character) || (character.codePointAt(0) ?? 0) >= 0x20000 ? 2 : 1;
  }
  return width;
}
