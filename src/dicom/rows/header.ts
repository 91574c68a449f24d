/** The wanted attributes of one scanned file as typed values, by the contract's rules. */
import { DicomReadError } from '../../errors.ts';
import { ATTRIBUTES, type AttributeKeyword, slotOf } from '../bytes/attributes.ts';
import { FORM_BACKSLASH, FORM_NOT_ASCII } from '../bytes/found-values.ts';
import type { HeaderScanner } from '../bytes/scan.ts';
import { binaryVr, vrCode } from '../bytes/vr.ts';
import { numbersText, readNumber } from '../values/binary-values.ts';
import { initialRepertoire, type Repertoire } from '../values/character-sets.ts';
import { decodeText } from '../values/text.ts';
import {
  cutCharacters,
  isPlainDate,
  parseDate,
  parseDecimal,
  parseInteger,
  parseTime,
  toFinite,
  toInt32,
  trimValues,
} from '../values/values.ts';

const CHARACTER_SET = slotOf('SpecificCharacterSet');
const DICTIONARY_VRS = Uint16Array.from(ATTRIBUTES, ({ vr }) => vrCode(vr));
const PERSON_NAME = vrCode('PN');

/** The values that tell a file's patient, study, series and instance: without them there is no record. */
export interface HeaderIdentity {
  readonly patientId: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** As written: eight digits, a date that exists. */
  readonly studyDate: string;
  /** Whether all of them are printable ASCII without quotes and backslashes, as they mostly are: nothing that JSON would escape. */
  readonly plain: boolean;
}

/** A view of what the scanner found last: valid until it is fed the next file. */
export class DicomHeader {
  readonly #scanner: HeaderScanner;
  #repertoire: Repertoire;

  constructor(scanner: HeaderScanner) {
    this.#scanner = scanner;
    this.#repertoire = initialRepertoire(undefined);
  }

  /** To be called when the scanner is done with a file. */
  refresh(): void {
    this.#repertoire = initialRepertoire(this.#scanner.found.bytes[CHARACTER_SET]);
  }

  get transferSyntaxUid(): string {
    return cutCharacters(trimValues(this.#scanner.transferSyntaxUid), 64);
  }

  /** Multi-valued text stays joined by `\`. Null where the attribute is absent, `''` where it is empty. */
  text(slot: number): string | null {
    const bytes = this.#scanner.found.bytes[slot];
    if (bytes === undefined) return null;
    if (bytes === '') return '';
    const binary = this.#binaryVr(slot);
    if (binary !== undefined) return numbersText(bytes, binary, this.#scanner.bigEndian);
    const form = this.#scanner.found.forms[slot] ?? FORM_NOT_ASCII;
    // Most text is plain ASCII, its values not padded one by one.
    if ((form & FORM_NOT_ASCII) === 0 && ((form & FORM_BACKSLASH) === 0 || !bytes.includes(' \\')))
      return this.#trimmed(bytes, slot);
    return trimValues(decodeText(bytes, this.#repertoire, DICTIONARY_VRS[slot] === PERSON_NAME));
  }

  /** The text where it is printable ASCII without quotes and backslashes, as most is; undefined where it isn't, or isn't text. */
  plainText(slot: number): string | undefined {
    const bytes = this.#scanner.found.bytes[slot];
    return bytes === undefined || !this.#isPlain(slot) ? undefined : this.#trimmed(bytes, slot);
  }

  #isPlain(slot: number): boolean {
    return this.#scanner.found.forms[slot] === 0 && this.#binaryVr(slot) === undefined;
  }

  #trimmed(bytes: string, slot: number): string {
    const length = this.#scanner.found.trimmedLengths[slot] ?? 0;
    return length === bytes.length ? bytes : bytes.substring(0, length);
  }

  integer(slot: number): number | null {
    const bytes = this.#scanner.found.bytes[slot];
    if (bytes === undefined || bytes === '') return null;
    const binary = this.#binaryVr(slot);
    if (binary === undefined) return parseInteger(bytes);
    const value = readNumber(bytes, 0, binary, this.#scanner.bigEndian);
    return value === undefined ? null : toInt32(value);
  }

  decimal(slot: number): number | null {
    const bytes = this.#scanner.found.bytes[slot];
    if (bytes === undefined || bytes === '') return null;
    const binary = this.#binaryVr(slot);
    if (binary === undefined) return parseDecimal(bytes);
    const value = readNumber(bytes, 0, binary, this.#scanner.bigEndian);
    return value === undefined ? null : toFinite(value);
  }

  date(slot: number): string | null {
    const bytes = this.#scanner.found.bytes[slot];
    return bytes === undefined || this.#binaryVr(slot) !== undefined ? null : parseDate(bytes);
  }

  time(slot: number): string | null {
    const bytes = this.#scanner.found.bytes[slot];
    return bytes === undefined || this.#binaryVr(slot) !== undefined ? null : parseTime(bytes);
  }

  /** Checks in the contract's order; throws a DicomReadError that names the first attribute at fault. */
  identity(): HeaderIdentity {
    const identity = {
      patientId: this.#required(PATIENT_ID),
      studyInstanceUid: this.#required(STUDY_INSTANCE_UID),
      seriesInstanceUid: this.#required(SERIES_INSTANCE_UID),
      sopInstanceUid: this.#required(SOP_INSTANCE_UID),
      sopClassUid: this.#required(SOP_CLASS_UID),
      studyDate: this.#required(STUDY_DATE),
      plain: REQUIRED.every(({ slot }) => this.#isPlain(slot)),
    };
    if (!isPlainDate(identity.studyDate)) throw new DicomReadError('invalid_date', STUDY_DATE.name);
    return identity;
  }

  #required({ name, slot, max }: RequiredAttribute): string {
    const value = this.text(slot);
    if (value === null) throw new DicomReadError('missing_required', name);
    if (value === '') throw new DicomReadError('empty_required', name);
    if (cutCharacters(value, max) !== value) throw new DicomReadError('too_long', name);
    return value;
  }

  #binaryVr(slot: number) {
    return binaryVr(this.#scanner.found.vrs[slot] ?? 0, DICTIONARY_VRS[slot] ?? 0);
  }
}

interface RequiredAttribute {
  readonly name: string;
  readonly slot: number;
  readonly max: number;
}

function required(name: string, keyword: AttributeKeyword, max: number): RequiredAttribute {
  return { name, slot: slotOf(keyword), max };
}

const PATIENT_ID = required('PATIENT_ID', 'PatientID', 64);
const STUDY_INSTANCE_UID = required('STUDY_INSTANCE_UID', 'StudyInstanceUID', 64);
const SERIES_INSTANCE_UID = required('SERIES_INSTANCE_UID', 'SeriesInstanceUID', 64);
const SOP_INSTANCE_UID = required('SOP_INSTANCE_UID', 'SOPInstanceUID', 64);
const SOP_CLASS_UID = required('SOP_CLASS_UID', 'SOPClassUID', 64);
const STUDY_DATE = required('STUDY_DATE', 'StudyDate', 8);
const REQUIRED = [PATIENT_ID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID, SOP_CLASS_UID, STUDY_DATE];
