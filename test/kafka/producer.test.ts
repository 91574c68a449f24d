import { describe, expect, it } from 'vitest';
import { createProducer } from '../../src/kafka/producer/producer.ts';

const UNREACHABLE = { 'bootstrap.servers': '127.0.0.1:1' };

describe('a producer that was closed', () => {
  it('opens no client for a retry that comes later', async () => {
    const producer = createProducer({ name: 'topics', config: UNREACHABLE, deadlineMs: 100 });
    await producer.close();
    const closed = { code: 'unavailable', detail: 'closed' };
    await expect(producer.send([{ topic: 'x', key: null, value: Buffer.from('{}') }])).rejects.toMatchObject(closed);
    await expect(producer.connect()).rejects.toMatchObject(closed);
  });
});
