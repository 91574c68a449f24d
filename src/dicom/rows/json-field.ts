/** Columns that come straight from one attribute: how each is written into a record's JSON text. */
import { type AttributeKeyword, slotOf } from '../bytes/attributes.ts';
import { cutCharacters } from '../values/padding.ts';
import type { DicomHeader } from './header.ts';

/** A column's name with its comma, quotes and colon, and what writes its value. */
export interface Column {
  readonly label: string;
  readonly write: (header: DicomHeader) => string;
}

/** Text of at most `max` characters; longer text is cut. */
export function text(name: string, keyword: AttributeKeyword, max: number): Column {
  const slot = slotOf(keyword);
  return column(name, (header) => {
    const plain = header.plainText(slot);
    if (plain !== undefined && plain.length <= max) return `"${plain}"`;
    const value = header.text(slot);
    return value === null ? 'null' : quote(cutCharacters(value, max));
  });
}

export function integer(name: string, keyword: AttributeKeyword): Column {
  const slot = slotOf(keyword);
  return column(name, (header) => number(header.integer(slot)));
}

export function decimal(name: string, keyword: AttributeKeyword): Column {
  const slot = slotOf(keyword);
  return column(name, (header) => number(header.decimal(slot)));
}

export function date(name: string, keyword: AttributeKeyword): Column {
  const slot = slotOf(keyword);
  return column(name, (header) => digits(header.date(slot)));
}

export function time(name: string, keyword: AttributeKeyword): Column {
  const slot = slotOf(keyword);
  return column(name, (header) => digits(header.time(slot)));
}

export function fieldsJson(columns: readonly Column[], header: DicomHeader): string {
  let json = '';
  for (const { label, write } of columns) json += label + write(header);
  return json;
}

function column(name: string, write: Column['write']): Column {
  return { label: `,"${name}":`, write };
}

function number(value: number | null): string {
  // -0 has no sign in JSON as JavaScript writes it.
  return value === null ? 'null' : `${value}`;
}

// Dates and times hold nothing that JSON would escape.
function digits(value: string | null): string {
  return value === null ? 'null' : `"${value}"`;
}

// Printable ASCII without quote and backslash needs no escape; whether anything else does, JSON.stringify knows.
const NOT_ASCII_OR_QUOTE = /[^ !#-~]/;
const NOT_PLAIN = /[^ !#-[\]-~]/;

/** A JSON string. */
export function quote(value: string): string {
  if (!NOT_PLAIN.test(value)) return `"${value}"`;
  return NOT_ASCII_OR_QUOTE.test(value) ? JSON.stringify(value) : `"${value.replaceAll('\\', '\\\\')}"`;
}

/** A JSON string of text that is known to need no escape. */
export function quotePlain(value: string): string {
  return `"${value}"`;
}

/** `quote` for texts that are mostly the same as the time before. */
export function quoteRepeated(): (value: string) => string {
  let last = '';
  let quoted = '""';
  return (value) => {
    if (value !== last) [last, quoted] = [value, quote(value)];
    return quoted;
  };
}
