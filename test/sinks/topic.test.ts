import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import type { Delivery } from '../../src/kafka/producer/delivery.ts';
import type { Producer } from '../../src/kafka/producer/producer.ts';
import { createTopicSink } from '../../src/sinks/topic.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';

describe('a topic sink', () => {
  it('continues the delivery of a batch whose write failed, so that nothing acknowledged is sent again', async () => {
    const deliveries: Delivery[] = [];
    const producer: Pick<Producer, 'deliver'> = {
      deliver: async (delivery) => {
        deliveries.push(delivery);
        if (deliveries.length < 3) throw new SinkError('topic', 'unavailable', 'ERR__TRANSPORT');
        return [];
      },
    };
    const sink = createTopicSink({ name: 'topic', topic: 't', publishes: 'image', producer: producer as Producer });
    const batch = batchOf([{}, { sop_uid: '1.2.3.9' }]);
    await expect(sink.write(batch)).rejects.toThrow(SinkError);
    await expect(sink.write(batch)).rejects.toThrow(SinkError);
    expect(await sink.write(batch)).toEqual([]);
    expect(new Set(deliveries).size).toBe(1);
    await sink.write(batchOf([{}]));
    expect(new Set(deliveries).size).toBe(2);
  });
});
