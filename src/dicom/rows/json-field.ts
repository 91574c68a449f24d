/** Fields of a record that hold the value of one attribute: how each is written into the JSON text. */
import { type AttributeKeyword, slotOf } from '../bytes/attributes.ts';
import { cutCharacters } from '../values/padding.ts';
import type { DicomHeader } from './header.ts';
import { jsonString } from './json-string.ts';

/** One field of a record. */
export interface JsonField {
  /** Comma, quoted name and colon. */
  readonly label: string;
  /** The value as JSON. */
  readonly write: (header: DicomHeader) => string;
}

/** Text of at most `max` characters; longer text is cut. */
export function text(name: string, keyword: AttributeKeyword, max: number): JsonField {
  const slot = slotOf(keyword);
  return field(name, (header) => {
    const plain = header.plainText(slot);
    if (plain !== undefined && plain.length <= max) return `"${plain}"`;
    const value = header.text(slot);
    return value === null ? 'null' : jsonString(cutCharacters(value, max));
  });
}

/** A number from IS, or from a binary integer VR. */
export function integer(name: string, keyword: AttributeKeyword): JsonField {
  const slot = slotOf(keyword);
  return field(name, (header) => number(header.integer(slot)));
}

/** A number from DS, or from a binary VR. */
export function decimal(name: string, keyword: AttributeKeyword): JsonField {
  const slot = slotOf(keyword);
  return field(name, (header) => number(header.decimal(slot)));
}

/** `YYYY-MM-DD`. */
export function date(name: string, keyword: AttributeKeyword): JsonField {
  const slot = slotOf(keyword);
  return field(name, (header) => digits(header.date(slot)));
}

/** `HH:MM:SS` or `HH:MM:SS.mmm`. */
export function time(name: string, keyword: AttributeKeyword): JsonField {
  const slot = slotOf(keyword);
  return field(name, (header) => digits(header.time(slot)));
}

/** The fields as JSON, each after a comma. */
export function fieldsJson(fields: readonly JsonField[], header: DicomHeader): string {
  let json = '';
  for (const { label, write } of fields) json += label + write(header);
  return json;
}

function field(name: string, write: JsonField['write']): JsonField {
  return { label: `,"${name}":`, write };
}

function number(value: number | null): string {
  // -0 has no sign in JSON as JavaScript writes it.
  return value === null ? 'null' : `${value}`;
}

// Dates and times hold nothing that JSON escapes.
function digits(value: string | null): string {
  return value === null ? 'null' : `"${value}"`;
}
