/** Servers that stop for a while. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import { type DatabaseName, TITLES } from '../database.ts';
import type { Server } from '../machine.ts';
import type { Fault, Target, Victim } from './fault.ts';

export function stopDatabase(random: Random, on: DatabaseName): Fault {
  return outage(random, on, `${TITLES[on]} stopped`, ({ run }) => run.machine.stop(on), on);
}

export function killDatabase(random: Random, on: DatabaseName): Fault {
  return outage(random, on, `kill -9 of ${TITLES[on]}`, ({ run }) => run.machine.kill(on), on);
}

export function stopBroker(random: Random): Fault {
  return outage(random, 'broker', 'Kafka stopped', ({ run }) => run.machine.stop('kafka'), 'kafka');
}

export function killBroker(random: Random): Fault {
  return outage(random, 'broker', 'kill -9 of Kafka', ({ run }) => run.machine.kill('kafka'), 'kafka');
}

/** A restart of the broker with this `offset.metadata.max.bytes`, until its next restart. The log's id fits, longer lists of gaps don't. */
export function limitMetadata(random: Random): Fault {
  const bytes = random.pick([128, 300, 1_000]);
  return {
    targets: ['broker'],
    title: `Kafka restarted, takes ${bytes} bytes of commit metadata`,
    async happen({ run: { machine } }) {
      await machine.stop('kafka');
      await machine.start('kafka', [`offset.metadata.max.bytes=${bytes}`]);
    },
  };
}

function outage(
  random: Random,
  target: Target,
  title: string,
  end: (victim: Victim) => Promise<void>,
  server: Server,
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
