/** What operators and retention do to the input topic. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { Fault, Victim } from './fault.ts';

/** Records of the deleted topic that were not processed yet may be missing; everything sent later must be read from offset 0. */
export function recreateTopic(random: Random): Fault {
  const absentMs = random.between(500, 3_000);
  return {
    targets: ['broker'],
    title: `input topic deleted, and created again after ${absentMs} ms`,
    async happen({ run }) {
      const resume = await run.pauseLoads();
      try {
        await run.input.recreate(absentMs);
      } finally {
        resume();
      }
      // The new log shall contain records before the next fault.
      await sleep(1_000);
    },
  };
}

type While = 'running' | 'paused' | 'stopped';

/**
 * The log start moves past the committed offset, as by retention. A member that runs has usually read the deleted records; one that was
 * paused or stopped meanwhile has to go on at the first record that still exists.
 */
export function deleteRecords(random: Random): Fault {
  const state: While = random.pick(['running', 'paused', 'paused', 'stopped']);
  const ms = random.between(500, 1_800);
  const percent = random.pick([30, 70, 100]);
  return {
    targets: ['broker', 'service'],
    title: `${percent} % of the uncommitted records deleted, ${state === 'running' ? '' : 'the service '}${state} for ${ms} ms`,
    async happen(victim) {
      const resume = await interrupt(victim, state);
      try {
        await sleep(ms);
        await victim.run.input.truncate(
          ({ committed, end }) => committed + Math.ceil(((end - committed) * percent) / 100),
        );
      } finally {
        resume();
      }
    },
  };
}

/** Returns what ends it. */
async function interrupt(victim: Victim, state: While): Promise<() => void> {
  const { member, run, options } = victim;
  if (state === 'paused') {
    member.process.pause();
    return () => member.process.resume();
  }
  if (state === 'stopped') {
    await member.stop({ mayForce: true });
    return () => {
      victim.member = run.start(options);
    };
  }
  return () => undefined;
}

/** Records go to the new partitions at once: the group must read them from their first record. */
export function addPartitions(random: Random): Fault {
  const count = random.between(1, 2);
  return {
    targets: ['broker'],
    title: `${count} partitions added to the input topic`,
    async happen({ run }) {
      await run.input.addPartitions(count);
      await sleep(1_000);
    },
  };
}
