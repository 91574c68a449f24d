import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ATTRIBUTES } from '../../src/dicom/bytes/attributes.ts';
import { HeaderScanner } from '../../src/dicom/bytes/scan.ts';
import { DicomReadError } from '../../src/errors.ts';
import { dicomCorpus } from '../../src/testing/dicom-corpus.ts';
import { mutant } from '../../src/testing/dicom-mutants.ts';
import { CANARY, randomFile } from './reference/random-files.ts';
import { inflate, readReference } from './reference/reference-reader.ts';
import { VRS } from './reference/reference-tables.ts';

const scanner = new HeaderScanner();

interface Found {
  readonly error: string | undefined;
  readonly transferSyntax?: string;
  readonly values?: readonly {
    readonly keyword: string;
    readonly bytes: string | undefined;
    readonly vr: string | undefined;
    readonly earlier: readonly string[];
  }[];
}

/** What the scanner finds, fed with windows of `size` bytes; the error's code where it fails. */
function scan(file: Buffer, size: number): Found {
  scanner.reset(file.length);
  try {
    feed(file, size);
    if (scanner.deflated) {
      const inflated = inflate(file.subarray(scanner.offset)) ?? Buffer.alloc(0);
      scanner.startInflated();
      scanner.endsAt(inflated.length);
      feed(inflated, size === file.length ? inflated.length : size);
    }
  } catch (error) {
    if (error instanceof DicomReadError) return { error: error.code };
    throw error;
  }
  const { bytes, vrs, earlier } = scanner.found;
  return {
    error: undefined,
    transferSyntax: scanner.transferSyntaxUid,
    values: ATTRIBUTES.map(({ keyword }, slot) => ({
      keyword,
      bytes: bytes[slot],
      vr: bytes[slot] === undefined ? undefined : vrText(vrs[slot] ?? 0),
      earlier: earlier.filter((value) => value.slot === slot).map((value) => value.bytes),
    })),
  };
}

function feed(bytes: Buffer, size: number): void {
  for (let length = Math.max(size, 132); ; length = Math.max(size, scanner.wanted)) {
    const window = bytes.subarray(scanner.offset, scanner.offset + length);
    if (scanner.scan(window, window.length, scanner.offset + window.length >= bytes.length)) return;
  }
}

function vrText(code: number): string | undefined {
  return code === 0 ? undefined : String.fromCharCode(code >> 8, code & 0xff);
}

const IDENTITY = ['PatientID', 'StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'SOPClassUID'];

/** The same from the reference. Undefined where it has no opinion. */
function expected(file: Buffer): Found | undefined {
  const outcome = readReference(file);
  if (outcome === undefined) return undefined;
  if (outcome.error !== undefined) return { error: outcome.error };
  return {
    error: undefined,
    transferSyntax: outcome.transferSyntax,
    values: ATTRIBUTES.map(({ keyword }) => {
      const all = outcome.values.get(keyword) ?? [];
      const last = all.at(-1);
      const before = all.slice(0, -1).flatMap(({ bytes, vr }) => (bytes === undefined ? [] : [{ bytes, vr }]));
      const distinct = new Map(before.map((value) => [`${value.vr} ${value.bytes}`, value.bytes]));
      return {
        keyword,
        bytes: last?.bytes,
        vr: last?.bytes === undefined ? undefined : last.vr,
        earlier: IDENTITY.includes(keyword) ? [...distinct.values()] : [],
      };
    }),
  };
}

interface Comparison {
  readonly found: readonly string[];
  /** How many files had each outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
}

function disagreements(count: number, fileOf: (n: number) => Buffer): Comparison {
  const found: string[] = [];
  const outcomes = new Map<string, number>();
  for (let n = 0; n < count; n++) {
    const file = fileOf(n);
    const wanted = expected(file);
    if (wanted === undefined) continue;
    const outcome = wanted.error ?? 'ok';
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    for (const size of n % 4 === 0 ? [file.length, 40] : [file.length]) {
      const actual = scan(file, size);
      if (JSON.stringify(actual) !== JSON.stringify(wanted)) found.push(describeDifference(n, size, actual, wanted));
    }
  }
  return { found, outcomes };
}

function describeDifference(n: number, size: number, actual: Found, wanted: Found): string {
  const differing = actual.values?.filter((value, i) => JSON.stringify(value) !== JSON.stringify(wanted.values?.[i]));
  const first = differing?.[0];
  const theirs = wanted.values?.find(({ keyword }) => keyword === first?.keyword);
  return `file ${n}, windows of ${size}: ${actual.error ?? JSON.stringify(first)}, not ${wanted.error ?? JSON.stringify(theirs)}`;
}

const folder = join(import.meta.dirname, '../fixtures/dicom/files');
const fixtures = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
const corpus = [...dicomCorpus().values(), ...fixtures.filter(({ length }) => length > 8 && length < 30_000)];

describe('the scanner', () => {
  it('finds in the fixtures what the reference reader finds', () => {
    const files = [...dicomCorpus().values(), ...fixtures].filter(({ length }) => length < 400_000);
    const { found, outcomes } = disagreements(files.length, (n) => files[n] ?? Buffer.alloc(0));
    expect(found).toEqual([]);
    expect(outcomes.get('ok')).toBeGreaterThan(80);
  });

  // Millions of others: change the seeds and the numbers.
  it('finds in 8,000 generated files what the reference reader finds', { timeout: 120_000 }, () => {
    const { found, outcomes } = disagreements(8_000, (n) => randomFile(1, n));
    expect(found.slice(0, 10)).toEqual([]);
    expect(outcomes.get('ok')).toBeGreaterThan(2_000);
    expect(outcomes.get('bad_sequence')).toBeGreaterThan(200);
    expect(outcomes.get('truncated')).toBeGreaterThan(200);
  });

  it('finds in 2,000 damaged files what the reference reader finds', { timeout: 120_000 }, () => {
    const { found, outcomes } = disagreements(2_000, (n) => mutant(corpus, 7, n));
    expect(found.slice(0, 10)).toEqual([]);
    expect(outcomes.get('ok')).toBeGreaterThan(200);
  });

  it('finds a canary of an item only where the reference reader sees it at top level', { timeout: 120_000 }, () => {
    let canaries = 0;
    for (let n = 0; n < 4_000; n++) {
      const file = randomFile(2, n);
      if (!file.includes(CANARY)) continue;
      canaries++;
      if (hasCanary(scan(file, file.length))) expect(hasCanary(expected(file)), `file ${n}`).toBe(true);
    }
    expect(canaries).toBeGreaterThan(1_000);
  });
});

function hasCanary(found: Found | undefined): boolean {
  const values = found?.values ?? [];
  return values.some(({ bytes, earlier }) => [bytes, ...earlier].some((value) => value?.includes(CANARY)));
}

it('the reference reader has every VR of PS3.5, table 6.2-1', () => {
  expect(VRS.size).toBe(34);
});
