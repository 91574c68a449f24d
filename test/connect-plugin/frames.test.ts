import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FRAME, type Frame, FrameReader, idAfter, sendFrame } from '../../src/connect-plugin/frames.ts';

function sent(id: number): readonly Frame[] {
  const stream = new PassThrough();
  sendFrame(stream as never, FRAME.call, id, Buffer.from('request'), 1);
  const frames: Frame[] = [];
  new FrameReader((frame) => frames.push(frame)).push(stream.read());
  return frames;
}

describe('the id of a call', () => {
  it.each([1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1])('after %d fits into a frame', (id) => {
    expect(sent(idAfter(id))).toEqual([
      { kind: FRAME.call, code: 1, id: idAfter(id), payload: Buffer.from('request') },
    ]);
  });

  it('starts again at 1, because 0 means no call', () => {
    expect([idAfter(1), idAfter(2 ** 32 - 2), idAfter(2 ** 32 - 1)]).toEqual([2, 2 ** 32 - 1, 1]);
  });
});
