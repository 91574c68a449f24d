import { describe, expect, it } from 'vitest';
import { CheapCall } from '../../src/dicom/files/cheap-call.ts';

/** A call whose blocking form takes `milliseconds`. */
function createCall() {
  let now = 0;
  const call = new CheapCall(() => now);
  const make = (milliseconds: number): number => {
    let result = Number.NaN;
    call.call(
      () => {
        now += milliseconds;
        return 7;
      },
      (_, answer) => {
        result = answer;
      },
    );
    return result;
  };
  return { call, make };
}

describe('a call that is usually cheap', () => {
  it('blocks while the kernel answers it without the storage', () => {
    const { call, make } = createCall();
    for (let n = 0; n < 1_000; n++) {
      expect(call.mayBlock).toBe(true);
      expect(make(0.01)).toBe(7);
    }
  });

  it('does not block for the next 500 calls after it had to wait for the storage, and is then measured again', () => {
    const { call, make } = createCall();
    make(5);
    expect(Array.from({ length: 500 }, () => call.mayBlock)).toEqual(Array(500).fill(false));
    expect(call.mayBlock).toBe(true);
    make(0.01);
    expect(call.mayBlock).toBe(true);
  });

  it('does not block for more calls after a longer wait, so that it blocks for a small part of the time', () => {
    const { call, make } = createCall();
    make(3_000);
    for (let n = 0; n < 300_000; n++) if (call.mayBlock) throw new Error(`measured again after ${n} calls`);
    expect(call.mayBlock).toBe(true);
  });

  it('passes its error on', () => {
    const errors: (Error | null)[] = [];
    const failure = new Error('EIO');
    new CheapCall().call(
      () => {
        throw failure;
      },
      (error) => errors.push(error),
    );
    expect(errors).toEqual([failure]);
  });
});
