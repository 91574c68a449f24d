import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHeaderFile } from '../../src/dicom/files/read-header.ts';

interface Expected {
  readonly ok: boolean;
  readonly error?: string;
  readonly allow?: readonly string[];
  readonly state?: object;
  readonly image?: object;
}

const own = join(import.meta.dirname, '../fixtures/dicom');
const shared = join(import.meta.dirname, '../../../shared/dicom');

describe('the made-up fixtures', () => {
  for (const file of readdirSync(join(own, 'files'))) {
    it(`reads ${file} as the independent reader does`, () => {
      agrees(join(own, 'files', file), join(own, 'expected'));
    });
  }
});

describe('the public fixtures', () => {
  const present = existsSync(join(shared, 'files'));
  const files = present ? readdirSync(join(shared, 'files')) : [];
  it.skipIf(present)('are skipped: there is no folder ../shared/dicom beside the project', () => {});
  for (const file of files) {
    it(`reads ${file} as the independent reader does`, () => {
      agrees(join(shared, 'files', file), join(shared, 'expected'));
    });
  }
});

function agrees(file: string, expectedFolder: string): void {
  const expected: Expected = JSON.parse(readFileSync(join(expectedFolder, `${basename(file, '.dcm')}.json`), 'utf8'));
  const reading = readHeaderFile(file, 'tenant1');
  const outcome = reading.ok ? 'ok' : reading.error.message;
  const wanted = expected.ok ? 'ok' : (expected.error ?? '');
  expect([wanted, ...(expected.allow ?? [])]).toContain(outcome);
  if (reading.ok && expected.ok) {
    expect(reading.state).toEqual(expected.state);
    expect(reading.image).toEqual(expected.image);
  }
}
