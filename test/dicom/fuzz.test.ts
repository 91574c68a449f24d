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

// Vitest's calls between modules make the reader about four times as slow as the built one: the slowest of these files, with 100,000 odd
// elements, takes 80 to 110 ms of CPU here and 25 ms built. scripts/fuzz-dicom.mjs holds the built reader to 50 ms.
const LIMIT_MS = 200;

describe('the header reader', () => {
  // For millions of files: node scripts/fuzz-dicom.mjs
  it('reads 20,000 damaged files without a crash, a hang or a value from elsewhere', { timeout: 120_000 }, () => {
    const { violations, outcomes } = fuzzHeaders({ corpus, seed: 1, from: 0, count: 20_000, limitMs: LIMIT_MS });
    expect(violations).toEqual([]);
    expect(outcomes.ok).toBeGreaterThan(1_000);
    expect(Object.keys(outcomes).length).toBeGreaterThan(8);
  });
});
