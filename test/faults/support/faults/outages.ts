/** Servers that stop for a while. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { Fault, Target, Victim } from './fault.ts';

export function stopDatabase(random: Random): Fault {
  return outage(random, 'database', 'PostgreSQL stopped', ({ run }) => run.machine.stop('postgres'), 'postgres');
}

export function killDatabase(random: Random): Fault {
  return outage(random, 'database', 'kill -9 of PostgreSQL', ({ run }) => run.machine.kill('postgres'), 'postgres');
}

export function stopBroker(random: Random): Fault {
  return outage(random, 'broker', 'Kafka stopped', ({ run }) => run.machine.stop('kafka'), 'kafka');
}

export function killBroker(random: Random): Fault {
  return outage(random, 'broker', 'kill -9 of Kafka', ({ run }) => run.machine.kill('kafka'), 'kafka');
}

function outage(
  random: Random,
  target: Target,
  title: string,
  end: (victim: Victim) => Promise<void>,
  server: 'kafka' | 'postgres',
): Fault {
  const ms = random.between(0, 2_000);
  return {
    targets: [target],
    title: `${title} for ${ms} ms`,
    async happen(victim) {
      await end(victim);
      await sleep(ms);
      await victim.run.machine.start(server);
    },
  };
}
