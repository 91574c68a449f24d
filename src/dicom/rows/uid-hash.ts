/**
 * SeaHash with its default seeds, as the tables' uid hash columns hold it (docs/contract.md, "UID hash"; the algorithm is Ticki's SeaHash 4). Its 64-bit
 * numbers are kept as two halves of 32 bits, since BigInt costs ten times as much.
 */
const PRIME_HIGH = 0x6eed0e9d;
const PRIME_LOW = 0xa4d94a4f;
const SEEDS_HIGH = [0x16f11fe8, 0xb480a793, 0x6fe2e5aa, 0x14f994a4];
const SEEDS_LOW = [0x9b0d677c, 0xd8e6c86c, 0xf078ebc9, 0xc5259381];

// The last result, instead of an object for each.
let high = 0;
let low = 0;

function multiplyByPrime(h: number, l: number): void {
  const l0 = l & 0xffff;
  const l1 = l >>> 16;
  const p0 = PRIME_LOW & 0xffff;
  const p1 = PRIME_LOW >>> 16;
  const t0 = l0 * p0;
  const t1 = l1 * p0 + (t0 >>> 16);
  const t2 = l0 * p1 + (t1 & 0xffff);
  const carry = l1 * p1 + Math.floor(t1 / 0x10000) + Math.floor(t2 / 0x10000);
  low = (((t2 & 0xffff) << 16) | (t0 & 0xffff)) >>> 0;
  high = (carry + Math.imul(h, PRIME_LOW) + Math.imul(l, PRIME_HIGH)) >>> 0;
}

function diffuse(h: number, l: number): void {
  multiplyByPrime(h, l);
  low = (low ^ (high >>> (high >>> 28))) >>> 0;
  multiplyByPrime(high, low);
}

/** The hash of some bytes as an unsigned 64-bit number. */
export function seaHash(bytes: Uint8Array): bigint {
  const highs = SEEDS_HIGH.slice();
  const lows = SEEDS_LOW.slice();
  for (let at = 0, word = 0; at < bytes.length; at += 8, word = (word + 1) & 3) {
    diffuse(
      ((highs[word] ?? 0) ^ littleEndian(bytes, at + 4)) >>> 0,
      ((lows[word] ?? 0) ^ littleEndian(bytes, at)) >>> 0,
    );
    highs[word] = high;
    lows[word] = low;
  }
  const folded = (words: number[]) => words.reduce((sum, each) => sum ^ each, 0);
  diffuse(folded(highs) >>> 0, (folded(lows) ^ bytes.length) >>> 0);
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Up to four bytes; missing ones count as zero. */
function littleEndian(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

const cache = new Map<string, string>();
const MAX_CACHED = 4096;

/** The hash of a UID in the tables' form: decimal, 20 digits. Cached, since the files of a batch share studies and series. */
export function hashUid(uid: string): string {
  const known = cache.get(uid);
  if (known !== undefined) return known;
  const bytes = Buffer.from(uid, 'utf8');
  const hash = seaHash(bytes).toString().padStart(20, '0');
  if (cache.size >= MAX_CACHED) cache.clear();
  // A copy as key: a string cut from a window would keep the whole window alive.
  cache.set(bytes.toString('utf8'), hash);
  return hash;
}
