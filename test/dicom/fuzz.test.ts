import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dicomCorpus } from '../../src/testing/dicom-corpus.ts';
import { fuzzHeaders } from '../../src/testing/dicom-fuzz.ts';

const folder = join(import.meta.dirname, '../fixtures/dicom/files');
const corpus = [
  ...dicomCorpus().values(),
  ...readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)))
    .filter(({ length }) => length > 8 && length < 30_000),
];

describe('the header reader', () => {
  // For millions of files: node scripts/fuzz-dicom.mjs
  it('reads 12,000 damaged files without a crash, a hang or a value from elsewhere', { timeout: 120_000 }, () => {
    const { violations, outcomes } = fuzzHeaders({ corpus, seed: 1, from: 0, count: 12_000, limitMs: 1_000 });
    expect(violations).toEqual([]);
    expect(outcomes.ok).toBeGreaterThan(300);
    expect(Object.keys(outcomes).length).toBeGreaterThan(8);
  });
});
