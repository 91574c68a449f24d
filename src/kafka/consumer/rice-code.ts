/**
 * Golomb-Rice codes: short for numbers whose mean is about 2^parameter. The number n with parameter k is n >> k one bits, a zero bit, and
 * the lowest k bits of n. A number with ESCAPE or more one bits is ESCAPE one bits and 48 bits instead, so that no number is long.
 */
const ESCAPE = 24;
const HALF = 24;
const LIMIT = 2 ** (2 * HALF);
/** The greatest parameter. */
export const MAX_PARAMETER = 24;

/** The number of bits of `value`; Infinity when it has no code (2^48 or more). */
export function bitsOf(value: number, parameter: number): number {
  const ones = shifted(value, parameter);
  if (ones < ESCAPE) return ones + 1 + parameter;
  return value < LIMIT ? ESCAPE + 2 * HALF : Number.POSITIVE_INFINITY;
}

/** Writes codes to a buffer of a fixed size. */
export class RiceWriter {
  readonly #bytes: Buffer;
  #length = 0;

  constructor(maxBytes: number) {
    this.#bytes = Buffer.alloc(maxBytes);
  }

  /** Whether this number of bits can be written. */
  hasRoom(bits: number): boolean {
    return this.#length + bits <= this.#bytes.length * 8;
  }

  write(value: number, parameter: number): void {
    const ones = Math.min(ESCAPE, shifted(value, parameter));
    this.#bits((1 << ones) - 1, ones);
    if (ones === ESCAPE) {
      this.#bits(Math.floor(value / 2 ** HALF), HALF);
      this.#bits(value % 2 ** HALF, HALF);
    } else {
      this.#bits(0, 1);
      this.#bits(value & ((1 << parameter) - 1), parameter);
    }
  }

  /** What was written, with zero bits up to a full byte. */
  get written(): Buffer {
    return this.#bytes.subarray(0, (this.#length + 7) >> 3);
  }

  /** The lowest `count` bits of `value`, at most 24. */
  #bits(value: number, count: number): void {
    for (let left = count; left > 0; ) {
      const free = 8 - (this.#length & 7);
      const take = Math.min(free, left);
      const chunk = (value >>> (left - take)) & ((1 << take) - 1);
      const at = this.#length >> 3;
      this.#bytes[at] = (this.#bytes[at] ?? 0) | (chunk << (free - take));
      this.#length += take;
      left -= take;
    }
  }
}

/** Reads codes. Beyond the end it reads zero bits, and `isComplete` is false. */
export class RiceReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(parameter: number): number {
    let ones = 0;
    while (ones < ESCAPE && this.#bits(1) === 1) ones++;
    if (ones === ESCAPE) return this.#bits(HALF) * 2 ** HALF + this.#bits(HALF);
    return ones * 2 ** parameter + this.#bits(parameter);
  }

  /** Whether exactly the whole buffer was read, apart from zero bits in its last byte. */
  get isComplete(): boolean {
    const left = this.#bytes.length * 8 - this.#at;
    return left >= 0 && left < 8 && this.#bits(left) === 0;
  }

  #bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.#at++) {
      value = value * 2 + (((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }
}

/** `value` >> `parameter`. JavaScript's shifts have 32 bits. */
function shifted(value: number, parameter: number): number {
  return value < 2 ** 31 ? value >>> parameter : Math.floor(value / 2 ** parameter);
}
