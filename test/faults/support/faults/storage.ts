/** What happens to the storage of the DICOM files. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { FaultRun } from '../fault-run.ts';
import type { Fault } from './fault.ts';

const LATE_EVERY = 20;

/** Up to twice as long as records wait for their files. */
export function loseMount(random: Random): Fault {
  return during(random, 'the mount of the storage lost', [2_000, 7_000], (run) => run.storage.loseMount());
}

export function slowStorage(random: Random): Fault {
  return during(random, 'storage that takes 5 ms per call', [2_000, 8_000], (run) => run.storage.makeSlow());
}

export function lateFiles(random: Random): Fault {
  return during(random, '5 % late files', [2_000, 8_000], (run) => run.makeLate(LATE_EVERY));
}

/** `begin` returns the function that ends the fault. */
function during(
  random: Random,
  title: string,
  [least, most]: readonly [number, number],
  begin: (run: FaultRun) => () => void,
): Fault {
  const ms = random.between(least, most);
  return {
    targets: ['storage'],
    title: `${title} for ${ms} ms`,
    async happen({ run }) {
      const end = begin(run);
      try {
        await sleep(ms);
      } finally {
        end();
      }
    },
  };
}
