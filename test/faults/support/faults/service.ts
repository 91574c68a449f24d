/** What happens to the process of the service, and to its group. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { Fault, Victim } from './fault.ts';

export function restart(victim: Victim): void {
  victim.member = victim.run.start(victim.options);
}

export function killService(random: Random): Fault {
  const downMs = random.between(0, 500);
  return {
    targets: ['service'],
    title: `kill -9 of the service, ${downMs} ms down`,
    async happen(victim) {
      await victim.member.kill();
      await sleep(downMs);
      restart(victim);
    },
  };
}

export function pauseService(random: Random): Fault {
  const ms = random.between(300, 3_500);
  return {
    targets: ['service'],
    title: `SIGSTOP of the service for ${ms} ms`,
    async happen({ member }) {
      member.process.pause();
      await sleep(ms);
      member.process.resume();
    },
  };
}

export function stopService(random: Random): Fault {
  const downMs = random.between(0, 500);
  return {
    targets: ['service'],
    title: `SIGTERM of the service, ${downMs} ms down`,
    async happen(victim) {
      // Another fault may delay the drain until its deadline.
      await victim.member.stop({ mayForce: true });
      await sleep(downMs);
      restart(victim);
    },
  };
}

export function secondMember(random: Random): Fault {
  const ms = random.between(1_500, 3_500);
  const killed = random.between(0, 1) === 0;
  return {
    targets: ['group'],
    title: `a second member for ${ms} ms, ended by ${killed ? 'kill -9' : 'SIGTERM'}`,
    async happen({ run, options }) {
      const { INSTANCE_ID: _, ...env } = options.env ?? {};
      const second = run.start({ ...options, env, direct: true });
      await sleep(ms);
      if (killed) await second.kill();
      else await second.stop({ mayForce: true });
    },
  };
}
