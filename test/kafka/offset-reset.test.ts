import { describe, expect, it } from 'vitest';
import { explainReset, toOffsetReset } from '../../src/kafka/consumer/offset-reset.ts';

const TEXT =
  '[thrd:main]: storage.queue [3]: offset reset (at offset 17 (leader epoch 0), broker 1) to BEGINNING: fetch failed due to ' +
  'requested offset not available on the broker: Broker: Offset out of range';

describe("a line of the client's log", () => {
  it('about an offset out of range is parsed into its partition and offset', () => {
    const expected = { topic: 'storage.queue', partition: 3, offset: 17 };
    expect(toOffsetReset({ fac: 'OFFSET', message: TEXT })).toEqual(expected);
  });

  it.each([
    { fac: 'FAIL', message: TEXT },
    { fac: 'OFFSET', message: 'storage [3]: offset commit' },
    { fac: 'OFFSET', message: TEXT.replace('at offset 17', 'at BEGINNING') },
    { fac: 'OFFSET' },
    'text',
    null,
  ])('that says anything else is left alone: %j', (line) => {
    expect(toOffsetReset(line)).toBeUndefined();
  });
});

describe('a reset of the client', () => {
  const reset = { topic: 'storage', partition: 0, offset: 50 };
  const logOf = (begin: number, end: number, id = 'first') => ({
    topics: async () => [{ topic: 'storage', id, partitions: 1 }],
    ranges: async () => new Map([['storage/0', { begin, end }]]),
  });

  it('is explained by retention, or by a log that ends below the offset', async () => {
    expect(await explainReset(reset, 'first', logOf(70, 90))).toEqual({ reason: 'retention', begin: 70, skipped: 20 });
    expect(await explainReset(reset, 'first', logOf(0, 20))).toEqual({ reason: 'truncated', begin: 0, skipped: 0 });
    expect(await explainReset(reset, undefined, logOf(0, 20))).toEqual({ reason: 'truncated', begin: 0, skipped: 0 });
  });

  it('says nothing about the log of a recreated topic, which is reported once when its client is replaced', async () => {
    expect(await explainReset(reset, 'first', logOf(0, 20, 'second'))).toBeUndefined();
  });
});
