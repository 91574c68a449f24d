import { describe, expect, it } from 'vitest';
import { hasRequest } from '../faults/support/kafka-requests.ts';

function request(apiKey: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(8 + bodyBytes, 9);
  bytes.writeUInt32BE(4 + bodyBytes, 0);
  bytes.writeInt16BE(apiKey, 4);
  return bytes;
}

describe('requests that a Kafka client sends', () => {
  it('are recognised by their API key, also behind others', () => {
    expect(hasRequest(9)(request(9, 20))).toBe(true);
    expect(hasRequest(9)(Buffer.concat([request(3, 40), request(2, 7), request(9, 20)]))).toBe(true);
    expect(hasRequest(8, 26)(Buffer.concat([request(3, 40), request(26, 0)]))).toBe(true);
  });

  it('are not recognised by bytes of their bodies', () => {
    const looksLikeOffsetFetch = Buffer.concat([request(3, 30), request(2, 30)]);
    expect(hasRequest(9)(looksLikeOffsetFetch)).toBe(false);
    expect(hasRequest(9)(Buffer.alloc(5))).toBe(false);
  });
});
