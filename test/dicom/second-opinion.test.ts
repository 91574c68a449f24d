import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import dicomParser from 'dicom-parser';
import { describe, expect, it } from 'vitest';
import { ATTRIBUTES, slotOf } from '../../src/dicom/bytes/attributes.ts';
import { HeaderScanner } from '../../src/dicom/bytes/scan.ts';

/** dicom-parser knows nothing of character sets and of some damage: there its opinion doesn't count. */
const NO_OPINION =
  /hostile|deflate|unknown_vr|un_undefined|no_ts|nothing|short|trunc|no_preamble|no_group|sq_as_wanted|cut|rep_[abcfj]_/;

const folder = join(import.meta.dirname, '../fixtures/dicom/files');
const files = readdirSync(folder).filter((name) => !NO_OPINION.test(name));

describe('dicom-parser', () => {
  for (const name of files) {
    it(`finds the same bytes in ${name}`, () => {
      const bytes = readFileSync(join(folder, name));
      const scanner = new HeaderScanner();
      scanner.scan(bytes, bytes.length, true);
      const dataSet = dicomParser.parseDicom(bytes, { untilTag: 'x7fe00010' });
      for (const { keyword, tag } of ATTRIBUTES) {
        const element = dataSet.elements[`x${tag.toString(16).padStart(8, '0')}`];
        const theirs =
          element === undefined
            ? undefined
            : bytes.toString('latin1', element.dataOffset, element.dataOffset + Math.min(element.length, 4096));
        expect(scanner.found.bytes[ATTRIBUTES.findIndex((each) => each.keyword === keyword)], keyword).toBe(theirs);
      }
      expect(scanner.found.bytes[slotOf('StudyInstanceUID')]).toBeDefined();
    });
  }
});
