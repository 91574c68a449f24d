import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHeaderFile } from '../../src/dicom/files/read-header.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../src/records/output-fields.ts';
import { compareVersions, type Version } from '../../src/records/version.ts';
import { findChdb, runClickhouse } from '../support/chdb.ts';
import { statementsOf } from './pull.ts';

const python = findChdb();
const statements = statementsOf('ClickHouse');
const folder = path.join(import.meta.dirname, '../fixtures/dicom/files');

/** Versions of one key arrive in the same insert and in different ones. */
const PER_INSERT = 12;

type Value = Readonly<Record<string, unknown>>;

/** What the topics hold of all files that can be read, each twice, in equal and in different versions. */
function topicValues(
  kind: 'state' | 'image',
  fields: readonly string[],
): readonly { readonly version: Version; readonly value: Value }[] {
  return [...readdirSync(folder), ...readdirSync(folder)].flatMap((file, n) => {
    const reading = readHeaderFile(path.join(folder, file), 'tenant1');
    if (!reading.ok) return [];
    const time = `2026-01-01T00:00:00.00000${(n * 7) % 3}`;
    const version = { time, traceId: `0199e6ae-8148-7e73-8d6c-${String((n * 7919) % 1009).padStart(12, '0')}` };
    const own = { created_time: time, updated_time: time, source_time: time, source_trace_id: version.traceId };
    const all: Value = { ...reading[kind], ...own };
    const series_uid = `${all.series_uid}.${n % 9}`;
    // StudyDate is never null in the topic: the message has one.
    const value = { ...all, series_uid, ...(kind === 'state' ? { study_date: all.study_date ?? '2023-12-15' } : {}) };
    return [{ version, value: Object.fromEntries(fields.map((name) => [name, (value as Value)[name] ?? null])) }];
  });
}

const TABLES = [
  {
    kind: 'state',
    topic: 'dicom_state_queue',
    table: 'dicom_state_meta',
    fields: STATE_META_FIELDS,
    key: ['tenant_id', 'study_uid', 'series_uid'],
  },
  {
    kind: 'image',
    topic: 'dicom_image_queue',
    table: 'dicom_image_meta',
    fields: IMAGE_META_FIELDS,
    key: ['tenant_id', 'study_uid', 'series_uid', 'sop_uid'],
  },
] as const;

/** Times as ClickHouse prints them. */
function printed(value: Value): Value {
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      typeof each === 'string' && name.endsWith('_time') && each.includes('T') ? each.replace('T', ' ') : each,
    ]),
  );
}

describe('the statements for ClickHouse in docs/pull.md', () => {
  it.each(TABLES)('name every field of $topic once, in the queue and in the table', ({ topic, table, fields }) => {
    for (const name of [topic, table]) {
      const statement = statements.find((sql) => sql.startsWith(`CREATE TABLE ${name} (`)) ?? '';
      const columns = [
        ...statement.matchAll(/(?:^|, |\n {2})(\w+) (?:Nullable\()?(?:String|Int|Float|Date|DateTime)/g),
      ].map(([, column]) => column);
      expect(columns).toEqual([...fields]);
    }
  });
});

describe.skipIf(python === undefined)(
  'ClickHouse in process (PyPI chdb; WADO_TEST_CHDB_PYTHON names a Python that has it)',
  () => {
    it('parses every statement of docs/pull.md', () => {
      const quoted = statements.map(
        (sql) => `select formatQuery('${sql.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}') as sql`,
      );
      expect(runClickhouse(python ?? '', quoted)).toHaveLength(6);
    });

    it.each(TABLES)(
      'keeps the greatest version of each key of $topic, with every value as in the topic',
      ({ kind, topic, table, fields, key }) => {
        const values = topicValues(kind, fields);
        const idOf = (value: Value) => key.map((name) => value[name]).join('\0');
        const winners = new Map<string, { readonly version: Version; readonly value: Value }>();
        for (const each of values) {
          const other = winners.get(idOf(each.value));
          if (other === undefined || compareVersions(each.version, other.version) > 0)
            winners.set(idOf(each.value), each);
        }
        expect(winners.size).toBeGreaterThan(15);
        const own = statements.filter((sql) => sql.includes(topic) || sql.includes(`${table} (`));
        const runnable = own.map((sql) => sql.replace(/ENGINE = Kafka SETTINGS[\s\S]*$/, 'ENGINE = Null'));
        const inserts = Array.from({ length: Math.ceil(values.length / PER_INSERT) }, (_, n) => {
          const rows = values.slice(n * PER_INSERT, (n + 1) * PER_INSERT).map(({ value }) => JSON.stringify(value));
          return `insert into ${topic} format JSONEachRow ${rows.join(' ')}`;
        });
        const query = `select * from ${table} final settings output_format_json_quote_64bit_integers = 0`;
        const results = runClickhouse(python ?? '', [...runnable, ...inserts, ...inserts.toReversed(), query]);
        const found = new Map((results.at(-1) ?? []).map((row) => [idOf(row), row]));
        expect(found).toEqual(new Map([...winners].map(([id, { value }]) => [id, printed(value)])));
      },
    );
  },
);
