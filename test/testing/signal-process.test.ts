import { describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/testing/signal-process.ts';

describe('signalProcess', () => {
  it('reaches the process of an id', () => {
    expect(() => signalProcess(process.pid, 0)).not.toThrow();
  });

  // Signal 0 reaches nobody, also where a check is missing.
  it.each([-1, 0, -process.pid, 0.5, Number.NaN])('refuses %d, which is more than one process or none', (pid) => {
    expect(() => signalProcess(pid, 0)).toThrow(new RangeError(`${pid} is not the id of a process`));
  });
});
