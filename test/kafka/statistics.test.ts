import { describe, expect, it } from 'vitest';
import { fetchesOf } from '../../src/kafka/consumer/statistics.ts';

const statistics = {
  brokers: {
    'a:1/1': { state: 'UP', nodeid: 1, waitresp_cnt: 1, req: { Fetch: 7 } },
    'b:1/2': { state: 'UP', nodeid: 2, waitresp_cnt: 0, req: { Fetch: 3 } },
  },
  topics: { t: { partitions: { '0': { broker: 1 }, '1': { broker: 2 }, '2': { broker: -1 } } } },
};

describe('the fetches of a partition', () => {
  it.each([
    [0, { requests: 7, isPending: true }],
    [1, { requests: 3, isPending: false }],
    [2, undefined],
    [3, undefined],
  ])('are those of its broker, if it has one (partition %i)', (partition, fetches) => {
    expect(fetchesOf(statistics, { topic: 't', partition })).toEqual(fetches);
  });
});
