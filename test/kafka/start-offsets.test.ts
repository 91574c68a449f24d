import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMetadata } from '../../src/kafka/consumer/commit-metadata.ts';
import { type StartFacts, startOffsetOf } from '../../src/kafka/consumer/start-offsets.ts';

const PARTITION = { topic: 't', partition: 0 };
const ID = 'JEOtr6ldS7W9BlsRwOCikw';
const OTHER_ID = 'AAAAr6ldS7W9BlsRwOCikw';

interface Case {
  policy?: StartFacts['policy'];
  committed?: number;
  metadata?: string;
  begin?: number;
  end?: number;
  id?: string | undefined;
  partitions?: number;
  firstSeen?: number;
  consumedId?: string;
}

function start(given: Case, partition = 0) {
  const { policy = 'earliest', begin = 0, end = 100, partitions = 1 } = given;
  const id = 'id' in given ? given.id : ID;
  return startOffsetOf(
    { topic: 't', partition },
    {
      policy,
      topics: new Map([['t', { topic: 't', id, partitions }]]),
      committed: new Map(
        given.committed === undefined
          ? []
          : [['t/0', { ...PARTITION, offset: given.committed, metadata: given.metadata ?? null }]],
      ),
      ranges: new Map([[`t/${partition}`, { begin, end }]]),
      firstSeen: new Map([['t', given.firstSeen ?? partitions]]),
      consumedIds: new Map(given.consumedId === undefined ? [] : [['t', given.consumedId]]),
    },
  );
}

const metadata = (topicId: string, firstPartitions = 1) => encodeMetadata({ topicId, firstPartitions }, 0).text;

describe('a start offset', () => {
  it.each([
    ['the committed offset', { committed: 40 }, { offset: 40, reason: 'committed', isCommitted: true }],
    ['the committed offset at the end of the log', { committed: 100 }, { offset: 100, reason: 'committed' }],
    ['the committed offset at its first record', { committed: 7, begin: 7 }, { offset: 7, reason: 'committed' }],
    ['the first record without an offset', { begin: 7 }, { offset: 7, reason: 'earliest', isCommitted: false }],
    ['the end without an offset under latest', { policy: 'latest' }, { offset: 100, reason: 'latest' }],
    [
      'the first record that exists, whatever the policy, when retention deleted the committed offset',
      { committed: 3, begin: 10, policy: 'latest' },
      { offset: 10, reason: 'retention', left: 3, skipped: 7, isCommitted: false },
    ],
    [
      'the first record of a log that ends below the committed offset',
      { committed: 101, policy: 'committed' },
      { offset: 0, reason: 'truncated', left: 101, skipped: 0 },
    ],
    [
      'the first record of a topic that was recreated, though its log reaches the committed offset',
      { committed: 40, metadata: metadata(OTHER_ID) },
      { offset: 0, reason: 'recreated', left: 40 },
    ],
    [
      'the first record of a topic that this process saw recreated, though its offset was deleted with the topic',
      { consumedId: OTHER_ID, policy: 'latest' },
      { offset: 0, reason: 'recreated' },
    ],
    [
      'the committed offset of the same topic',
      { committed: 40, metadata: metadata(ID), consumedId: OTHER_ID },
      { offset: 40, reason: 'committed' },
    ],
    ['the committed offset of brokers without topic ids', { committed: 40, id: undefined }, { offset: 40 }],
    [
      "the committed offset beside another program's metadata",
      { committed: 40, metadata: 'NO_METADATA' },
      { offset: 40, reason: 'committed' },
    ],
  ] as const)('is %s', (_, given, expected) => {
    expect(start(given)).toMatchObject(expected);
  });

  it('does not exist with the policy committed and no committed offset', () => {
    expect(start({ policy: 'committed' })).toBeUndefined();
  });

  it.each(['earliest', 'latest', 'committed'] as const)(
    'is the beginning of a partition that was added after the group started, under %s',
    (policy) => {
      const grown = { policy, committed: 40, partitions: 2, begin: 5 };
      expect(start({ ...grown, metadata: metadata(ID, 1) }, 1)).toMatchObject({ offset: 5, reason: 'new_partition' });
      expect(start({ ...grown, firstSeen: 1 }, 1)).toMatchObject({ offset: 5, reason: 'new_partition' });
      // The topic had both when the group started: the group has not consumed this one yet.
      const first = start({ ...grown, metadata: metadata(ID, 2) }, 1);
      expect(first?.reason).toBe(policy === 'committed' ? undefined : policy);
    },
  );

  it('is the beginning of every partition of a topic that was created while the process ran', () => {
    expect(start({ policy: 'latest', firstSeen: 0 })).toMatchObject({ offset: 0, reason: 'new_partition' });
  });

  it('lies within the log, and skips nothing that exists', () => {
    const offset = fc.nat(200);
    fc.assert(
      fc.property(
        fc.record({
          policy: fc.constantFrom('earliest' as const, 'latest' as const, 'committed' as const),
          committed: offset,
          begin: fc.nat(100),
          length: fc.nat(100),
          metadata: fc.constantFrom(metadata(ID), metadata(OTHER_ID), '', '{'),
        }),
        ({ begin, length, ...given }) => {
          const end = begin + length;
          const found = start({ ...given, begin, end });
          expect(found?.offset).toBeGreaterThanOrEqual(begin);
          expect(found?.offset).toBeLessThanOrEqual(end);
          expect(found?.offset === given.committed || found?.offset === begin).toBe(true);
        },
      ),
    );
  });
});

describe('the processed offsets above a start offset', () => {
  const at = (offset: number, done: readonly number[], id = ID) =>
    encodeMetadata({ topicId: id, firstPartitions: 1 }, offset, done).text;

  it('are those that were committed with it', () => {
    expect(start({ committed: 40, metadata: at(40, [41, 50, 60, 100]) })).toMatchObject({
      offset: 40,
      reason: 'committed',
      done: [41, 50, 60, 100],
    });
  });

  it.each([
    ['were committed with another offset', { committed: 39, metadata: at(40, [41, 50]) }, 'damaged'],
    ['are cut short', { committed: 40, metadata: `${at(40, [41, 50]).slice(0, -5)}"}` }, 'damaged'],
    ['are no base64', { committed: 40, metadata: JSON.stringify({ v: 1, topic: ID, first: 1, done: 7 }) }, 'damaged'],
    ["are another program's", { committed: 40, metadata: 'bVFLCMyBAA==' }, 'foreign'],
    ['lie beyond the end of the log, which was truncated', { committed: 40, metadata: at(40, [41, 101]) }, 'truncated'],
  ] as const)('are ignored, with a reason, if they %s', (_, given, unusable) => {
    expect(start(given)).toMatchObject({ offset: given.committed, reason: 'committed', done: [], unusable });
  });

  it.each([
    ['no metadata', { committed: 40 }],
    ['metadata of a version without them', { committed: 40, metadata: at(40, []) }],
    ['no committed offset', {}],
    ['a recreated topic', { committed: 40, metadata: at(40, [41, 50], OTHER_ID) }],
    ['brokers without topic ids', { committed: 40, metadata: at(40, [41, 50]), id: undefined }],
  ] as const)('do not exist with %s, which is no reason for a warning', (_, given) => {
    const found = start(given);
    expect(found?.done).toEqual([]);
    expect(found?.unusable).toBeUndefined();
  });

  it('are kept when retention deleted the start offset, and are not counted as skipped', () => {
    expect(start({ committed: 3, begin: 20, metadata: at(3, [5, 8, 15, 30, 40, 41]) })).toMatchObject({
      offset: 20,
      reason: 'retention',
      // 3 to 19 without 5 to 7 and 15 to 19.
      skipped: 17 - 8,
      done: [20, 30, 40, 41],
    });
  });
});
