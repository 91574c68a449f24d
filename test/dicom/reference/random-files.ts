/**
 * DICOM files with everything that the reading rules are about, put together at random: encodings, forms of length, delimiters too many and too
 * few, odd VRs, wrong orders, repeated elements. Every text inside an item is a canary, which no reader may find at top level.
 */
import { type Random, seededRandom } from '../../../src/samples/seeded-random.ts';
import { SHORT_VRS, WANTED } from './reference-tables.ts';

export const CANARY = 'CANARY';

interface Style {
  readonly explicit: boolean;
  readonly big: boolean;
}

const SYNTAXES = [
  ['1.2.840.10008.1.2.1', { explicit: true, big: false }],
  ['1.2.840.10008.1.2', { explicit: false, big: false }],
  ['1.2.840.10008.1.2.2', { explicit: true, big: true }],
  ['1.2.3.4', { explicit: true, big: false }],
] as const;
const ODD_VRS = ['  ', '--', '??', 'lo', 'ZZ', '\0\0', 'O\0'];
const OTHERS = [
  0x00080070, 0x00081140, 0x00090010, 0x00091001, 0x00102180, 0x00180022, 0x00290010, 0x00400254, 0x00880200,
];
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED = 0xffffffff;
const UIDS = ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'SOPClassUID'];

/** The n-th file of a seed. One in three is damaged as well. */
export function randomFile(seed: number, n: number): Buffer {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(n, 0x85ebca6b));
  const [syntax, style] = random.pick(SYNTAXES);
  // Each file is odd in a few ways only: where everything is odd, hardly any is read to its end.
  const oddity = random.between(0, 3) * 4;
  const odd = (): boolean => random.between(1, 100) <= oddity;
  const writer = new Writer(random, odd);
  const file = Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    meta(syntax, random, odd),
    writer.topLevel(style),
  ]);
  return random.between(0, 2) === 0 ? damaged(file, random) : file;
}

function meta(syntax: string, random: Random, odd: () => boolean): Buffer {
  const explicit = { explicit: true, big: false };
  const uid = (text: string) => header(0x00020010, 'UI', text.length, explicit, text);
  const parts = [uid(even(syntax, '\0')), header(0x00020012, 'UI', 4, explicit, '1.2\0')];
  if (odd()) parts.push(uid(even(random.pick(SYNTAXES)[0], '\0')));
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length + (odd() ? random.between(0, 60) : 0));
  const groupLength = odd() ? Buffer.alloc(0) : Buffer.concat([header(0x00020000, 'UL', 4, explicit), length]);
  const behind = odd() ? uid(even(random.pick(SYNTAXES)[0], '\0')) : Buffer.alloc(0);
  return Buffer.concat([groupLength, body, behind]);
}

class Writer {
  readonly #random: Random;
  readonly #odd: () => boolean;

  constructor(random: Random, odd: () => boolean) {
    this.#random = random;
    this.#odd = odd;
  }

  topLevel(style: Style): Buffer {
    const tags = [...WANTED.keys()].filter(
      (tag) => UIDS.includes(WANTED.get(tag)?.keyword ?? '') || this.#random.between(0, 3) > 0,
    );
    for (let more = this.#random.between(0, 6); more > 0; more--) tags.push(this.#random.pick(OTHERS));
    tags.sort((a, b) => a - b);
    while (this.#odd())
      tags.splice(this.#random.between(0, tags.length), 0, this.#random.pick([...WANTED.keys(), ...OTHERS]));
    const elements = tags.map((tag) => this.#element(tag, style, 0));
    const stray = this.#odd() ? [delimiter(this.#random.pick([ITEM, ITEM_END, SEQUENCE_END]), 0, style.big)] : [];
    elements.splice(this.#random.between(0, elements.length), 0, ...stray);
    const pixels = this.#odd()
      ? Buffer.alloc(this.#random.between(0, 13))
      : header(0x7fe00010, 'OW', 4, style, '\x01\x02\x03\x04');
    return Buffer.concat([...elements, pixels]);
  }

  #element(tag: number, style: Style, depth: number): Buffer {
    const wanted = WANTED.get(tag);
    if (this.#random.between(0, 9) === 0 || (wanted === undefined && this.#random.between(0, 2) === 0)) {
      if (depth < 4) return this.#sequence(tag, style, depth);
    }
    const vr = this.#odd() ? this.#random.pick(['UN', 'OB', 'UT', 'LO', 'US', 'SQ', ...ODD_VRS]) : (wanted?.vr ?? 'LO');
    const value = depth > 0 ? CANARY : this.#value(wanted?.vr ?? 'LO');
    return this.#withHeader(tag, vr, even(value, ' '), style);
  }

  #value(vr: string): string {
    if (vr === 'US') return '\x10\x02';
    if (vr === 'DA') return this.#random.pick(['20240229', '2024.02.29', '', '***']);
    if (vr === 'UI') return `1.2.3.${this.#random.between(1, this.#odd() ? 9 : 1)}`;
    return this.#random.pick(['', 'A', 'ABC', 'A\\B', '12', '\0\0', 'Gr\xfcn', 'LONGER TEXT']);
  }

  /** Any VR with 16 bits of length, 32 bits, or without a VR: the form is another than the VR's, sometimes. */
  #withHeader(tag: number, vr: string, value: string, style: Style): Buffer {
    if (style.explicit && this.#odd()) return header(tag, vr, value.length, { ...style, explicit: false }, value);
    if (!this.#odd()) return header(tag, vr, value.length, style, value);
    const long = SHORT_VRS.has(vr)
      ? header(tag, 'UN', value.length, style, value)
      : header(tag, 'LO', value.length, style, value);
    if (style.explicit) long.write(vr, 4, 'latin1');
    return long;
  }

  #sequence(tag: number, around: Style, depth: number): Buffer {
    const undefinedLength = this.#random.between(0, 1) === 0;
    const vr = this.#random.between(0, 4) === 0 ? 'UN' : 'SQ';
    const inside = vr === 'UN' && undefinedLength ? { explicit: this.#odd(), big: false } : around;
    const items = Array.from({ length: this.#random.between(0, 2) }, () => this.#item(inside, depth));
    const body = Buffer.concat(items);
    const end = undefinedLength !== this.#odd() ? [delimiter(SEQUENCE_END, this.#odd() ? 4 : 0, inside.big)] : [];
    const style = this.#odd() ? { ...around, explicit: false } : around;
    return Buffer.concat([header(tag, vr, undefinedLength ? UNDEFINED : body.length, style), body, ...end]);
  }

  #item(style: Style, depth: number): Buffer {
    const undefinedLength = this.#random.between(0, 1) === 0;
    const elements = Array.from({ length: this.#random.between(0, 4) }, () =>
      this.#element(this.#random.pick([...WANTED.keys(), ...OTHERS]), style, depth + 1),
    );
    const body = Buffer.concat(elements);
    const end = undefinedLength !== this.#odd() ? [delimiter(ITEM_END, 0, style.big)] : [];
    return Buffer.concat([delimiter(ITEM, undefinedLength ? UNDEFINED : body.length, style.big), body, ...end]);
  }
}

/** Changes bytes that mean structure: a delimiter, a VR, a length, a piece of the file. */
function damaged(file: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(file);
  for (let changes = random.between(1, 3); changes > 0; changes--) {
    if (bytes.length < 150) return bytes;
    const at = random.between(132, bytes.length - 8);
    const kind = random.between(0, 5);
    if (kind === 0)
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        delimiter(random.pick([ITEM, ITEM_END, SEQUENCE_END]), 0, false),
        bytes.subarray(at),
      ]);
    else if (kind === 1) bytes = bytes.subarray(0, at);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.between(1, 12))]);
    else if (kind === 3) bytes.write(random.pick([...SHORT_VRS, 'UN', 'SQ', 'OB', ...ODD_VRS]), at, 'latin1');
    else if (kind === 4) bytes.writeUInt32LE(random.pick([0, 8, 12, 0xff, 0x2020, 0x10000, UNDEFINED]), at);
    else
      bytes.set(
        random.pick([Buffer.from('feff00e0', 'hex'), Buffer.from('feff0de0', 'hex'), Buffer.from('feffdde0', 'hex')]),
        at,
      );
  }
  return Buffer.from(bytes);
}

function header(tag: number, vr: string, length: number, { explicit, big }: Style, value = ''): Buffer {
  const bytes = Buffer.alloc(explicit && !SHORT_VRS.has(vr) ? 12 : 8);
  bytes.set(tagBytes(tag, big));
  if (explicit) bytes.write(vr, 4, 'latin1');
  const size = explicit && bytes.length === 8 ? 2 : 4;
  const field = Buffer.alloc(4);
  field.writeUInt32LE(length);
  const lengthBytes = Buffer.from(field.subarray(0, size));
  bytes.set(big ? lengthBytes.reverse() : lengthBytes, bytes.length - size);
  return Buffer.concat([bytes, Buffer.from(value, 'latin1')]);
}

function delimiter(tag: number, length: number, big: boolean): Buffer {
  return header(tag, '', length, { explicit: false, big });
}

function tagBytes(tag: number, big: boolean): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(tag >>> 16, 0);
  bytes.writeUInt16LE(tag & 0xffff, 2);
  return big ? Buffer.from(bytes.swap16()) : bytes;
}

function even(text: string, padding: string): string {
  return text.length % 2 === 0 ? text : text + padding;
}
