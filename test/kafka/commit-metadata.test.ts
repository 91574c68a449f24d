import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeMetadata,
  doneRangesOf,
  encodeMetadata,
  METADATA_BYTES,
} from '../../src/kafka/consumer/commit-metadata.ts';

const LOG = { topicId: 'JEOtr6ldS7W9BlsRwOCikw', firstPartitions: 6 };

/** What a member that starts at `offset` knows to be done. */
function decoded(text: string, offset: number) {
  const metadata = decodeMetadata(text);
  return metadata === undefined ? undefined : doneRangesOf(metadata, offset);
}

/** Ranges as alternating bounds, from the lengths of the open and the done runs above `base`. */
function rangesOf(base: number, runs: readonly (readonly [open: number, done: number])[]): number[] {
  let at = base;
  return runs.flatMap(([open, done]) => {
    const from = at + open;
    at = from + done;
    return [from, at];
  });
}

const runLength = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 400 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 ** 33 }) },
);
const base = fc.oneof(fc.nat(1_000), fc.integer({ min: 2 ** 31 - 5, max: 2 ** 45 }));
const runs = fc.array(fc.tuple(runLength, runLength), { maxLength: 60 });
const size = fc.oneof(fc.constant(METADATA_BYTES), fc.integer({ min: 0, max: 200 }));

describe("a commit's metadata", () => {
  it('is decoded as it was encoded, even with fields that a later release adds', () => {
    const { text } = encodeMetadata(LOG, 7);
    expect(decodeMetadata(text)).toEqual(LOG);
    expect(decodeMetadata(JSON.stringify({ ...JSON.parse(text), later: '0-3' }))).toEqual(LOG);
  });

  it('says what an earlier release reads, whatever is done', () => {
    const { text } = encodeMetadata(LOG, 7, [9, 12]);
    expect(JSON.parse(text)).toMatchObject({ v: 1, topic: LOG.topicId, first: 6 });
  });

  it.each([null, undefined, '', 'text', '{', 'null', '{"v":2,"topic":"a","first":1}', '{"v":1,"topic":"","first":1}'])(
    'of another program or version is ignored: %s',
    (text) => {
      expect(decodeMetadata(text)).toBeUndefined();
    },
  );

  it('lists the done offsets up to the first that does not fit, never one that is not done, within its size', () => {
    fc.assert(
      fc.property(base, runs, size, (offset, lengths, maxBytes) => {
        const ranges = rangesOf(offset, lengths);
        const { text, listedTo } = encodeMetadata(LOG, offset, ranges, maxBytes);
        expect(decoded(text, offset)).toEqual(ranges.filter((_, i) => (ranges[i - (i % 2)] ?? 0) < listedTo));
        const plain = encodeMetadata(LOG, offset).text.length;
        expect(text.length).toBeLessThanOrEqual(Math.max(plain, maxBytes));
        if (maxBytes === METADATA_BYTES) expect(listedTo).toBe(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 1000 },
    );
  });

  it('does not become longer when the oldest open offsets are done, so that a transaction can always commit these', () => {
    fc.assert(
      fc.property(base, fc.array(fc.tuple(runLength, runLength), { minLength: 2, maxLength: 60 }), (offset, all) => {
        const ranges = rangesOf(offset, all);
        const rest = ranges.slice(2);
        const before = encodeMetadata(LOG, offset, ranges, 1e6).text;
        expect(encodeMetadata(LOG, ranges[1] ?? 0, rest, 1e6).text.length).toBeLessThanOrEqual(before.length);
      }),
      { numRuns: 1000 },
    );
  });

  it('lists short runs shortly beside a very long one, which alone decides the mean', () => {
    const short = Array.from({ length: 100 }, () => [1, 1] as const);
    const { text } = encodeMetadata(LOG, 0, rangesOf(0, [...short, [1, 2 ** 33]]));
    expect(text.length).toBeLessThan(encodeMetadata(LOG, 0, rangesOf(0, short)).text.length + 40);
  });

  it('is never decoded to other offsets when its bytes are changed, cut or repeated', () => {
    fc.assert(
      fc.property(
        base,
        runs,
        fc.nat(),
        fc.nat(255),
        fc.constantFrom('change', 'cut', 'repeat'),
        (offset, lengths, at, byte, how) => {
          const ranges = rangesOf(offset, lengths);
          const { text } = encodeMetadata(LOG, offset, ranges);
          const whole = decodeMetadata(text);
          const bytes = Buffer.from(whole?.done ?? '', 'base64');
          const place = bytes.length === 0 ? 0 : at % bytes.length;
          if (how === 'change' && bytes.length > 0) bytes[place] = byte;
          const parts = { change: [bytes], cut: [bytes.subarray(0, place)], repeat: [bytes, bytes.subarray(place)] }[
            how
          ];
          const found = doneRangesOf({ ...LOG, done: Buffer.concat(parts).toString('base64') }, offset);
          if (found !== undefined && found.length > 0) expect(found).toEqual(ranges);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('never throws, whatever the text is', () => {
    const done = fc.oneof(
      fc.string(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          done.map((each) => JSON.stringify({ v: 1, topic: 'a', first: 1, done: each })),
        ),
        (text) => {
          decoded(text, 5);
        },
      ),
    );
  });

  it('counts for its own offset and log only', () => {
    const { text } = encodeMetadata(LOG, 7, [9, 12]);
    expect(decoded(text, 7)).toEqual([9, 12]);
    expect(decoded(text, 8)).toBeUndefined();
    expect(decoded(text.replace('JEOt', 'AAAA'), 7)).toBeUndefined();
  });

  /** A part of the offsets is not done, at random places. */
  function scattered(offsets: number, open: number): number[] {
    const gaps = new Set<number>([0]);
    let state = 1;
    while (gaps.size < open) {
      state = (state * 48_271) % 2_147_483_647;
      gaps.add(state % offsets);
    }
    const sorted = [...gaps, offsets].sort((a, b) => a - b);
    return sorted.slice(1).flatMap((gap, i) => ((sorted[i] ?? 0) + 1 < gap ? [(sorted[i] ?? 0) + 1, gap] : []));
  }

  it.each([
    ['1,800 single gaps among 180,000 offsets', 180_000, 1_800],
    ['2,600 single gaps among 260,000 offsets', 260_000, 2_600],
    ['4,000 single gaps among 80,000 offsets', 80_000, 4_000],
    ['half of 20,000 offsets', 20_000, 10_000],
  ])('holds %s', (_, offsets, open) => {
    const { text, listedTo } = encodeMetadata(LOG, 0, scattered(offsets, open));
    expect(listedTo).toBe(Number.POSITIVE_INFINITY);
    expect(text.length).toBeLessThanOrEqual(METADATA_BYTES);
  });

  it('leaves out the far end of what does not fit', () => {
    const ranges = scattered(1_000_000, 10_000);
    const { text, listedTo } = encodeMetadata(LOG, 0, ranges);
    expect(text.length).toBeLessThanOrEqual(METADATA_BYTES);
    expect(text.length).toBeGreaterThan(METADATA_BYTES - 16);
    expect(listedTo).toBeGreaterThan(200_000);
    expect(decoded(text, 0)?.at(-1)).toBeLessThan(listedTo);
  });
});
