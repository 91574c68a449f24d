import { storeMeta } from '../../src/testing/store-meta.ts';

/** A valid record as text, without its opening brace: what hostile fields are put in front of. */
function rest(fields: object = {}): string {
  return JSON.stringify({ ...storeMeta(), ...fields }).slice(1);
}

export interface HostileValue {
  readonly name: string;
  readonly bytes: () => Buffer;
  /** `file` when the record is still a DicomStoreMeta, else the code of its ParseError. */
  readonly outcome: string;
}

const MEGABYTES = 10;
const BYTES = MEGABYTES << 20;
const LEVELS = 100_000;

function repeated(count: number, make: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => make(n)).join(',');
}

function value(name: string, outcome: string, text: () => string | Buffer): HostileValue {
  return { name, outcome, bytes: () => Buffer.from(text()) };
}

/** Records that attack the parser. The first half is cheap to make, the second about ten megabytes each. */
export const HOSTILE_VALUES: readonly HostileValue[] = [
  value('a field called __proto__', 'file', () => `{"__proto__":{"polluted":true},${rest()}`),
  value('a constructor with a prototype', 'file', () => `{"constructor":{"prototype":{"polluted":true}},${rest()}`),
  value('__proto__ for the whole record', 'invalid_field', () => `{"__proto__":{${rest()}}`),
  value(
    'names of inherited properties',
    'file',
    () => `{"toString":1,"hasOwnProperty":2,"valueOf":3,"then":4,${rest()}`,
  ),
  value('a lone surrogate, escaped', 'invalid_field', () => `{${rest({ patient_id: '\ud800' })}`),
  value('a lone surrogate of three bytes', 'not_utf8', () =>
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from(`",${rest()}`)]),
  ),
  value('a lone surrogate in an unknown field', 'file', () => `{"x":"\\ud800","\\udfff":1,${rest()}`),
  value('an overlong slash', 'not_utf8', () =>
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xaf]), Buffer.from(`",${rest()}`)]),
  ),
  value('half a character at the end', 'not_utf8', () =>
    Buffer.concat([Buffer.from(`{${rest()}`), Buffer.from([0xe5, 0xb1])]),
  ),
  value('a byte order mark', 'not_json', () => `\ufeff{${rest()}`),
  value('a NUL in a text', 'invalid_field', () => `{${rest({ patient_id: 'a\0b' })}`),
  value('bare NULs', 'not_json', () => Buffer.alloc(1000)),
  value(
    'a size of 2^53',
    'invalid_field',
    () => `{${rest().replace('"file_size":4096', '"file_size":9007199254740992')}`,
  ),
  value(
    'a size that rounds to one below 2^53',
    'invalid_field',
    () => `{${rest().replace('"file_size":4096', '"file_size":9007199254740993')}`,
  ),
  value(
    'a size beyond all numbers',
    'invalid_field',
    () => `{${rest().replace('"file_size":4096', '"file_size":1e999')}`,
  ),
  value('a size below nothing', 'file', () => `{${rest().replace('"file_size":4096', '"file_size":-1')}`),
  value('a frame count beyond 32 bits', 'invalid_field', () => `{${rest({ number_of_frames: 2 ** 31 })}`),
  value('a name twice: the last one counts', 'file', () => `{"patient_id":["first"],${rest()}`),
  value('a name twice: the last one is wrong', 'invalid_field', () => `{${rest().slice(0, -1)},"patient_id":["last"]}`),
  value(
    'SQL for a patient',
    'file',
    () => `{${rest({ patient_id: `'); drop table dicom_object_meta; --`, tenant_id: '$1;select' })}`,
  ),
  value('trailing commas', 'not_json', () => `{${rest().slice(0, -1)},}`),
  value('NaN', 'not_json', () => `{"x":NaN,${rest()}`),

  value(
    'a hundred thousand levels of lists',
    'too_many_values',
    () => `{"x":${'['.repeat(LEVELS)}${']'.repeat(LEVELS)},${rest()}`,
  ),
  value(
    'a hundred thousand levels of objects',
    'too_many_values',
    () => `{"x":${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)},${rest()}`,
  ),
  value('levels that never end', 'too_many_values', () => '['.repeat(BYTES)),
  value('as many levels as are let through', 'file', () => `{"x":${'['.repeat(19_900)}${']'.repeat(19_900)},${rest()}`),
  value('as many fields as are let through', 'file', () => `{${repeated(19_900, (n) => `"k${n}":1`)},${rest()}`),
  value(
    'ten megabytes of brackets',
    'too_many_values',
    () => `{"x":${'['.repeat(BYTES / 2)}${']'.repeat(BYTES / 2)},${rest()}`,
  ),
  value('ten megabytes of fields', 'too_many_values', () => `{${repeated(BYTES / 12, (n) => `"k${n}":1`)},${rest()}`),
  value('ten megabytes of empty lists', 'too_many_values', () => `{"x":[${repeated(BYTES / 3, () => '[]')}],${rest()}`),
  value('ten megabytes of text', 'file', () => `{"x":"${'y'.repeat(BYTES)}",${rest()}`),
  value('ten megabytes of commas in a text', 'file', () => `{"x":"\\"${',[{'.repeat(BYTES / 3)}",${rest()}`),
  value('ten megabytes of escapes', 'file', () => `{"x":"${'\\u00e9'.repeat(BYTES / 6)}",${rest()}`),
  value(
    'ten megabytes for a patient',
    'invalid_field',
    () => `{${rest().slice(0, -1)},"patient_id":"${'𝒳'.repeat(BYTES / 4)}"}`,
  ),
  value(
    'ten megabytes of path',
    'invalid_field',
    () => `{${rest().slice(0, -1)},"file_path":"${'/a'.repeat(BYTES / 2)}"}`,
  ),
  value('ten megabytes of digits', 'invalid_field', () => `{${rest().slice(0, -1)},"file_size":${'9'.repeat(BYTES)}}`),
  value('a field with a name of ten megabytes', 'file', () => `{"${'n'.repeat(BYTES)}":1,${rest()}`),
  value('ten megabytes of spaces', 'file', () => `{${' '.repeat(BYTES)}${rest()}`),
  value('ten megabytes of nothing known', 'not_json', () => 'x'.repeat(BYTES)),
];
