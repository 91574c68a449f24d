import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ATTRIBUTES } from '../../src/dicom/bytes/attributes.ts';
import { HeaderScanner } from '../../src/dicom/bytes/scan.ts';
import { inflate } from './reference/reference-reader.ts';

/**
 * The top-level elements that DCMTK and GDCM print, compared with the scanner's: as bytes, without the spaces and NULs around them. Only where a
 * toolkit is installed (`apt-get install dcmtk libgdcm-tools`).
 */
const TOOLKITS = [
  { name: 'DCMTK', command: 'dcmdump', options: ['-q', '-Un', '+L'] },
  { name: 'GDCM', command: 'gdcmdump', options: [] },
] as const;

type Toolkit = (typeof TOOLKITS)[number];

/** Fixtures in which a toolkit finds something else, and why. What is listed must differ: else its line is out of date. */
const DISAGREEMENTS: Readonly<Record<Toolkit['name'], Readonly<Record<string, string>>>> = {
  DCMTK: {
    rep_a_defined_sequence: 'refuses a stray delimiter',
    rep_a_empty_sequence: 'refuses a stray delimiter',
    rep_c_implicit_2020: 'takes the bytes of a length for a VR',
    rep_c_question32: 'reads unknown VRs with 16 bits of length',
    rep_c_rows_question: 'prints the values of unknown VRs as bytes',
    rep_f_un_explicit: 'reads a UN of undefined length as implicit only',
    rep_f_un_rows_be: 'prints UN as bytes',
    rep_g_equal_twice: 'keeps the first of two elements',
    rep_g_two_studies: 'keeps the first of two elements; the service dead-letters the file',
    rep_j_item: 'refuses a stray delimiter',
    syn_no_preamble_dicm: 'needs a preamble',
    syn_no_ts: 'guesses a transfer syntax',
    syn_trailing_priv_cut: 'refuses a file that is cut, even behind the header',
    syn_trunc_pixeldata: 'refuses a file that is cut, even behind the header',
    val_duplicate: 'keeps the first of two elements; the service dead-letters the file',
    val_wrong_vr: 'prints numbers of other VRs as numbers, not as bytes',
  },
  GDCM: {
    rep_a_defined_sequence: 'refuses a stray delimiter',
    rep_a_empty_sequence: 'refuses a stray delimiter',
    rep_c_implicit_2020: 'takes the bytes of a length for a VR',
    rep_e_nul_leading: 'prints NULs as dots',
    rep_f_un_rows_be: 'here the test reads UN as big endian, the scanner only keeps its bytes',
    rep_g_equal_twice: 'keeps the first of two elements',
    rep_g_nuls: 'prints NULs as dots',
    rep_g_two_studies: 'keeps the first of two elements; the service dead-letters the file',
    rep_h_nul_garbage: 'prints NULs as dots',
    rep_j_item: 'refuses a stray delimiter',
    seq_icon_encaps: 'refuses encapsulated pixel data in an item',
    syn_no_preamble_dicm: 'needs a preamble',
    syn_trailing_priv_cut: 'refuses a file that is cut, even behind the header',
    syn_ts_encaps_htj2k: 'does not know the transfer syntax',
    val_duplicate: 'keeps the first of two elements; the service dead-letters the file',
    val_long_ascii: 'prints only the beginning of a long text',
    val_time_pad: 'prints NULs as dots',
    val_wrong_vr: 'prints numbers of other VRs as numbers, not as bytes',
  },
};

// Elements of items are indented. A value may hold line ends.
const LINE = /^\(([0-9a-f]{4}),([0-9a-f]{4})\) (..) (.*?) *#[ 0-9,-]+[^\n]*$/gms;

const folder = join(import.meta.dirname, '../fixtures/dicom/files');

function isInstalled(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Printed values of the top-level elements by tag (`00100020`), the last of each. Undefined where the toolkit refuses the file. */
function printed({ command, options }: Toolkit, path: string): Map<string, string> | undefined {
  let text: string;
  try {
    text = execFileSync(command, [...options, path], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    });
  } catch {
    return undefined;
  }
  const values = new Map<string, string>();
  for (const [, group, element, vr, printedValue = ''] of text.matchAll(LINE)) {
    // GDCM prints the dictionary's VR in brackets where none is written.
    const rest = printedValue.replace(/^\([A-Z]{2}\) /, '');
    values.set(
      `${group}${element}`,
      vr === 'SQ' ? '' : trim(/^\[(.*)\]$/s.exec(rest)?.[1] ?? (/^\(.*\)$/s.test(rest) ? '' : rest)),
    );
  }
  return values;
}

/** GDCM prints a dot for every byte that is not printable ASCII. */
function trim(value: string): string {
  return value.replaceAll(/^[ \0]+|[ \0]+$/g, '').replaceAll(/[^ -~]/g, '.');
}

/** The scanner's values in the same form; undefined where it refuses the file. */
function scanned(bytes: Buffer): Map<string, string> | undefined {
  const scanner = new HeaderScanner();
  try {
    scanner.reset(bytes.length);
    scanner.scan(bytes, bytes.length, true);
    if (scanner.deflated) {
      const data = inflate(bytes.subarray(scanner.offset));
      if (data === undefined) return undefined;
      scanner.startInflated();
      scanner.scan(data, data.length, true);
    }
  } catch {
    return undefined;
  }
  return new Map(
    ATTRIBUTES.flatMap(({ tag, vr }, slot) => {
      const value = scanner.found.bytes[slot];
      if (value === undefined) return [];
      const text = vr === 'US' ? numbers(value, scanner.bigEndian) : trim(value);
      return [[tag.toString(16).padStart(8, '0'), text] as const];
    }),
  );
}

function numbers(value: string, bigEndian: boolean): string {
  const bytes = Buffer.from(value, 'latin1');
  const read = bigEndian ? bytes.readUInt16BE.bind(bytes) : bytes.readUInt16LE.bind(bytes);
  return Array.from({ length: bytes.length >> 1 }, (_, index) => read(2 * index)).join('\\');
}

function differences(toolkit: Toolkit, name: string): string[] {
  const path = join(folder, name);
  const ours = scanned(readFileSync(path));
  const theirs = printed(toolkit, path);
  if (ours === undefined || theirs === undefined) {
    return ours === theirs ? [] : [ours === undefined ? 'refused here' : 'refused there'];
  }
  return ATTRIBUTES.flatMap(({ keyword, tag }) => {
    const key = tag.toString(16).padStart(8, '0');
    const [our = '', their = ''] = [ours.get(key), theirs.get(key)];
    return our === their ? [] : [`${keyword}: ${JSON.stringify(our)} here, ${JSON.stringify(their)} there`];
  });
}

for (const toolkit of TOOLKITS) {
  const installed = isInstalled(toolkit.command);
  describe.runIf(installed)(`${toolkit.name} and the scanner`, () => {
    it('find the same in every fixture of structure and values but those whose reason is listed', {
      timeout: 120_000,
    }, () => {
      const names = readdirSync(folder).filter((name) => /^(rep|seq|syn|val)_/.test(name));
      const differing = names.flatMap((name) => {
        const found = differences(toolkit, name);
        return found.length === 0 ? [] : [[name.replace('.dcm', ''), found] as const];
      });
      const unexplained = differing.filter(([name]) => DISAGREEMENTS[toolkit.name][name] === undefined);
      expect(unexplained).toEqual([]);
      expect(Object.keys(DISAGREEMENTS[toolkit.name]).sort()).toEqual(differing.map(([name]) => name).sort());
    });
  });
  it.skipIf(installed)(`${toolkit.name} is skipped: ${toolkit.command} is not installed`, () => {});
}
