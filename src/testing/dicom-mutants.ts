/** Damages valid DICOM files. A mutant is the same for the same seed and number. */

/** Mulberry32: a generator of integers below a bound. */
type Random = (below: number) => number;

function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

const INTERESTING_BYTES = [0x00, 0x01, 0x08, 0x1b, 0x20, 0x5c, 0x7f, 0x80, 0xe0, 0xfe, 0xff];
const INTERESTING_WORDS = [
  0x0002, 0x0008, 0x0010, 0x0028, 0x5153, 0x4e55, 0x7fe0, 0xe000, 0xe00d, 0xe0dd, 0xfffe, 0xffff,
];
const INTERESTING_LENGTHS = [0, 1, 7, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const MAX_BYTES = 24_000;
// Most of what matters is at the beginning.
const HEADER_BYTES = 4_000;

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => set(bytes, random, 1, (at) => bytes.writeUInt8(random(256), at)),
  (bytes, random) => set(bytes, random, 1, (at) => bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << random(8)), at)),
  (bytes, random) => set(bytes, random, 1, (at) => bytes.writeUInt8(pick(INTERESTING_BYTES, random), at)),
  (bytes, random) => set(bytes, random, 2, (at) => bytes.writeUInt16LE(pick(INTERESTING_WORDS, random), at)),
  (bytes, random) => set(bytes, random, 4, (at) => bytes.writeUInt32LE(pick(INTERESTING_LENGTHS, random), at)),
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(40))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + random(400)), bytes.subarray(at)]);
  },
  (bytes, random, other) =>
    Buffer.concat([bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random))]),
];

function set(bytes: Buffer, random: Random, size: number, write: (at: number) => void): Buffer {
  if (bytes.length > size) write(Math.min(place(bytes, random), bytes.length - size));
  return bytes;
}

function place(bytes: Buffer, random: Random): number {
  return random(Math.min(bytes.length, HEADER_BYTES));
}

function pick<T>(values: readonly T[], random: Random): T {
  return values[random(values.length)] as T;
}

/** The mutant with this number: one of the files with up to six changes. Files are cut to 24 KB first. */
export function mutant(corpus: readonly Buffer[], seed: number, number: number): Buffer {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ number);
  let bytes = Buffer.from(pick(corpus, random).subarray(0, MAX_BYTES));
  for (let changes = 1 + random(6); changes > 0; changes--) {
    bytes = Buffer.from(pick(MUTATIONS, random)(bytes, random, pick(corpus, random)).subarray(0, MAX_BYTES));
  }
  return bytes;
}
