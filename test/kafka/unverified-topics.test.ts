import { describe, expect, it } from 'vitest';
import { UnverifiedTopics } from '../../src/kafka/consumer/unverified-topics.ts';

const TOPIC = 'storage_queue';
const PARTITION = { topic: TOPIC, partition: 0 };
const known = { topic: TOPIC, id: 'a', partitions: 1 };
const unknown = { topic: TOPIC, id: undefined, partitions: 0, error: 'ERR_UNKNOWN_TOPIC_OR_PART' };

describe('UnverifiedTopics', () => {
  it('holds commits back while the topic does not exist, and after it was created again', () => {
    const topics = new UnverifiedTopics();
    expect(topics.any).toBe(false);
    topics.add([PARTITION]);
    topics.described([unknown], []);
    expect(topics.any).toBe(true);
    topics.described([known], [TOPIC]);
    expect(topics.any).toBe(true);
  });

  it('lets commits continue when the topic is the same, and when its partitions were revoked or started over', () => {
    const topics = new UnverifiedTopics();
    topics.add([PARTITION]);
    topics.described([known], []);
    expect(topics.any).toBe(false);
    topics.add([PARTITION]);
    topics.settled([]);
    expect(topics.any).toBe(true);
    topics.settled([PARTITION]);
    expect(topics.any).toBe(false);
  });
});
