import { describe, expect, it } from 'vitest';
import { toOffsetReset } from '../../src/kafka/consumer/offset-reset.ts';

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
