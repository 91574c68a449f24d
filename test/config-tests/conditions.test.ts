import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { failedConditions } from '../../src/config-tests/conditions.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'conditions-'));
writeFileSync(path.join(folder, 'same.json'), '{ "b": [1, 2], "a": "x" }');
writeFileSync(path.join(folder, 'part.json'), '{ "a": "x" }');
writeFileSync(path.join(folder, 'text'), '{"a":"x","b":[1,2]}');

const message = {
  content: Buffer.from('{"a":"x","b":[1,2]}'),
  metadata: { record_type: 'state', key: 'k', offset: 6 },
};

/** A condition that the message meets, and its neighbour that it doesn't. */
const CONDITIONS: Record<string, { met: unknown; failed: unknown; says: string }> = {
  bloblang: {
    met: '@record_type == "state"',
    failed: '@record_type == "image"',
    says: 'bloblang expression was false',
  },
  content_equals: {
    met: '{"a":"x","b":[1,2]}',
    failed: '{"a":"x","b":[1, 2]}',
    says: 'content mismatch\n  expected: {"a":"x","b":[1, 2]}\n  received: {"a":"x","b":[1,2]}',
  },
  content_matches: {
    met: '(?i)^\\{"A":"x"',
    failed: '^\\{"A":"x"',
    says: 'pattern mismatch\n   pattern: ^\\{"A":"x"\n  received: {"a":"x","b":[1,2]}',
  },
  file_equals: {
    met: 'text',
    failed: 'same.json',
    says: 'content mismatch\n  expected: { "b": [1, 2], "a": "x" }\n  received: {"a":"x","b":[1,2]}',
  },
  file_json_contains: {
    met: 'part.json',
    failed: 'missing.json',
    says: 'failed to read comparison file: ENOENT',
  },
  file_json_equals: {
    met: 'same.json',
    failed: 'part.json',
    says: 'JSON content mismatch\n  expected: { "a": "x" }\n  received: {"a":"x","b":[1,2]}',
  },
  json_contains: {
    met: { b: [1] },
    failed: { b: [2] },
    says: 'JSON superset mismatch\n  expected: {"b":[2]}\n  received: {"a":"x","b":[1,2]}',
  },
  json_equals: {
    met: '{"b": [1, 2], "a": "x"}',
    failed: { a: 'x', b: [1, 2, 3] },
    says: 'JSON content mismatch\n  expected: {"a":"x","b":[1,2,3]}\n  received: {"a":"x","b":[1,2]}',
  },
  metadata_equals: {
    met: { key: 'k', offset: 6 },
    failed: { key: 'k', offset: '6' },
    says: "metadata key 'offset' mismatch\n  expected: 6\n  received: 6",
  },
};

describe('the condition', () => {
  it.each(Object.entries(CONDITIONS))(
    '%s passes what fulfils it, and says what does not',
    (name, { met, failed, says }) => {
      expect(failedConditions(message, { [name]: met }, folder)).toEqual([]);
      expect(failedConditions(message, { [name]: failed }, folder)).toEqual([`${name}: ${says}`]);
    },
  );

  it('metadata_equals names a key that is missing', () => {
    expect(failedConditions(message, { metadata_equals: { other: 'x' } }, folder)).toEqual([
      "metadata_equals: metadata key 'other' expected but not found",
    ]);
  });

  it('is reported with all others that fail, by name', () => {
    const failures = failedConditions(
      message,
      { json_equals: '{}', content_equals: 'x', bloblang: '@a == "b"' },
      folder,
    );
    expect(failures.map((each) => each.split(':')[0])).toEqual(['bloblang', 'content_equals', 'json_equals']);
  });

  it('is not met by content that is not JSON, nor by a condition that is not', () => {
    const text = { ...message, content: Buffer.from('text') };
    expect(failedConditions(text, { json_equals: 'text' }, folder)).toHaveLength(1);
    expect(failedConditions(message, { json_contains: 'text' }, folder)).toHaveLength(1);
  });
});
