import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replaceAdvertisedPort } from '../../src/testing/stack/advertised-port.ts';

const METADATA = 3;
const FETCH = 1;
const BROKER = { host: '127.0.0.1', port: 40_001 };
const PROXY = 20_001;

function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function request(apiKey: number, correlation: number): Buffer {
  const body = Buffer.alloc(12);
  body.writeInt16BE(apiKey, 0);
  body.writeInt32BE(correlation, 4);
  return frame(body);
}

/** An answer that holds an address between other bytes. */
function answer(correlation: number, port: number, host = BROKER.host): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt32BE(correlation, 0);
  head.writeInt16BE(host.length, 4);
  const tail = Buffer.alloc(4);
  tail.writeInt32BE(port);
  return frame(Buffer.concat([head, Buffer.from(host), tail, Buffer.from('rest')]));
}

function chunks(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizes[parts.length] ?? 1;
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

describe('the advertised port', () => {
  const rewriter = () => replaceAdvertisedPort(() => BROKER, PROXY);

  it('is replaced in the answers that name brokers, however they are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (sizes) => {
        const { request: see, answer: rewrite } = rewriter();
        see(Buffer.concat([request(METADATA, 1), request(FETCH, 2)]));
        const sent = Buffer.concat([answer(1, BROKER.port), answer(2, BROKER.port)]);
        const received = Buffer.concat(chunks(sent, sizes).map(rewrite));
        expect(received).toEqual(Buffer.concat([answer(1, PROXY), answer(2, BROKER.port)]));
      }),
    );
  });

  it('stays where another host or port is named', () => {
    const { request: see, answer: rewrite } = rewriter();
    see(Buffer.concat([request(METADATA, 1), request(METADATA, 2)]));
    for (const other of [answer(1, 40_002), answer(2, BROKER.port, '127.0.0.2')]) expect(rewrite(other)).toEqual(other);
  });
});
