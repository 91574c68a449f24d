import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { describe, expect, it } from 'vitest';
import { dicomImageMeta, dicomStateMeta } from '../../src/databases/postgres/schema.ts';
import { ATTRIBUTES } from '../../src/dicom/bytes/attributes.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../src/records/output-fields.ts';

const markdown = readFileSync(fileURLToPath(new URL('../../docs/topics.md', import.meta.url)), 'utf8');

interface Field {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly nulls: string;
}

const types = readFileSync(fileURLToPath(new URL('../../src/records/output-records.ts', import.meta.url)), 'utf8');

/** The fields of an interface with their types. */
function declared(name: string): readonly string[] {
  const body = types.split(`export interface ${name} {`)[1]?.split('}')[0] ?? '';
  return [...body.matchAll(/readonly (\w+): (.*);/g)].map(([, field, type]) => `${field}: ${type}`);
}

/** A field as TypeScript declares it. */
function typeOf({ name, type, nulls }: Field): string {
  if (type === 'null') return `${name}: null`;
  const plain = type === 'integer' || type === 'number' ? 'number' : 'string';
  return `${name}: ${plain}${nulls === 'yes' ? ' | null' : ''}`;
}

function documented(section: string): readonly Field[] {
  const text = markdown.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$/gm)].map(
    ([, name = '', type = '', value = '', nulls = '']) => ({
      name,
      type,
      value,
      nulls,
    }),
  );
}

const RECORDS = [
  { section: 'DicomStateMeta', fields: STATE_META_FIELDS, table: dicomStateMeta },
  { section: 'DicomImageMeta', fields: IMAGE_META_FIELDS, table: dicomImageMeta },
];
const VERSION = ['source_time', 'source_trace_id'];

describe('docs/topics.md', () => {
  it.each(RECORDS)('lists every field of $section in the order of the JSON object, and no other', (record) => {
    const names = documented(record.section).map(({ name }) => name);
    expect(names).toEqual([...new Set([...record.fields, ...VERSION])]);
  });

  it.each(RECORDS)('lists for $section the types that the package exports', ({ section }) => {
    expect(declared(section)).toEqual(documented(section).map(typeOf));
  });

  it.each(RECORDS)('gives the texts of $section the lengths of their columns', (record) => {
    const lengths = new Map(getTableConfig(record.table).columns.map((each) => [each.name, each.getSQLType()]));
    const wrong = documented(record.section)
      .filter(({ type }) => type.startsWith('string, '))
      .filter(({ name, type }) => lengths.get(name) !== `varchar(${type.slice('string, '.length)})`);
    expect(wrong).toEqual([]);
  });

  it('names each attribute that is read with its tag', () => {
    const written = RECORDS.flatMap(({ section }) => documented(section)).flatMap(({ value }) => {
      const [, keyword = '', group = '', element = ''] = /^(\w+) \(([0-9A-F]{4}),([0-9A-F]{4})\)/.exec(value) ?? [];
      return keyword === '' || group === '0002' ? [] : [`${keyword} ${group}${element}`];
    });
    // Neither is a field: one says how texts are decoded, the other is what `publish` reads.
    const notFields = new Set(['SpecificCharacterSet', 'NumberOfFrames']);
    const read = ATTRIBUTES.filter(({ keyword }) => !notFields.has(keyword)).map(
      ({ keyword, tag }) => `${keyword} ${tag.toString(16).padStart(8, '0').toUpperCase()}`,
    );
    expect([...new Set(written)].sort()).toEqual(read.sort());
  });
});
