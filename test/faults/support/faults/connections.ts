/** What a network does to the connections between the service and one of its servers. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { TcpProxy } from '../../../../src/testing/proxy.ts';
import type { DatabaseName } from '../database.ts';
import type { FaultRun } from '../fault-run.ts';
import type { Fault, Target } from './fault.ts';

/** `turn` switches it on, and off again after some time. */
export function line(
  random: Random,
  target: Target,
  title: string,
  turn: (run: FaultRun, on: boolean) => void | Promise<void>,
): Fault {
  const ms = random.between(300, 3_000);
  return {
    targets: [target],
    title: `${target}: ${title} for ${ms} ms`,
    async happen({ run }) {
      await turn(run, true);
      await sleep(ms);
      await turn(run, false);
    },
  };
}

/** `lineOf` gives the proxy. */
export function resets(random: Random, target: Target, lineOf: (run: FaultRun) => TcpProxy): Fault {
  const times = random.between(1, 6);
  return {
    targets: [target],
    title: `${target}: reset ${times} times`,
    async happen({ run }) {
      for (let i = 0; i < times; i++) {
        lineOf(run).cut();
        await sleep(300);
      }
    },
  };
}

export function garbledDatabase(random: Random, name: DatabaseName): Fault {
  return line(random, `${name} line`, 'garbled', (run, on) => run.lineTo(name).garble(on));
}

/** From the first answer of new connections on: without TLS, bytes garbled in the middle of a fetch can't be recognized. */
export function garbledBroker(random: Random): Fault {
  return line(random, 'broker line', 'garbled', (run, on) => {
    run.broker.garble(on);
    run.broker.cut();
  });
}
