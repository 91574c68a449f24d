/** JSON strings. Most texts of a header are short and need no escape, and JSON.stringify costs several times as much for these. */

const NEEDS_STRINGIFY = /[^ !#-~]/;
const NEEDS_ESCAPE = /[^ !#-[\]-~]/;

/** The text as a JSON string. */
export function jsonString(value: string): string {
  if (!NEEDS_ESCAPE.test(value)) return `"${value}"`;
  return NEEDS_STRINGIFY.test(value) ? JSON.stringify(value) : `"${value.replaceAll('\\', '\\\\')}"`;
}

/** For text that is known to need no escape. */
export function plainJsonString(value: string): string {
  return `"${value}"`;
}

/** `jsonString` that remembers the last text: for values that rarely change from file to file. */
export function repeatedJsonString(): (value: string) => string {
  let last = '';
  let json = '""';
  return (value) => {
    if (value !== last) [last, json] = [value, jsonString(value)];
    return json;
  };
}
