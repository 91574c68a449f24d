import { describe, expect, it } from 'vitest';
import { toRecord } from '../../src/kafka/consumer/to-record.ts';

const message = { topic: 't', partition: 0, offset: 7, key: null, value: null, size: 0 };

describe('a consumed record', () => {
  it('has the timestamp of its message, also that of 1970', () => {
    expect(toRecord({ ...message, timestamp: 1_767_312_000_000 }, {}).timestamp).toBe(1_767_312_000_000);
    expect(toRecord({ ...message, timestamp: 0 }, {}).timestamp).toBe(0);
  });

  it('has none when the message has none: Kafka’s -1', () => {
    expect(toRecord({ ...message, timestamp: -1 }, {}).timestamp).toBeUndefined();
    expect(toRecord(message, {}).timestamp).toBeUndefined();
  });
});
