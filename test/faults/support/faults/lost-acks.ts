/** kill -9 after a server has done what was asked, and before the service knows. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Hold } from '../../../../src/testing/proxy.ts';
import { type DatabaseName, isWrite, TITLES } from '../database.ts';
import { hasRequest } from '../kafka-requests.ts';
import type { Fault, Victim } from './fault.ts';
import { restart } from './service.ts';

/** The database has committed; the service is killed before the answer arrives. */
export function killBeforeDatabaseAck(name: DatabaseName): Fault {
  return {
    targets: ['service'],
    title: `kill -9 between ${TITLES[name]}'s commit and its ack`,
    happen: (victim) =>
      killWhileHeld(
        victim,
        victim.run.lineTo(name).hold((request) => isWrite(name, request)),
      ),
  };
}

/** The same for the broker's acknowledgement of output records. */
export function killBeforeBrokerAck(): Fault {
  return {
    targets: ['service'],
    title: "kill -9 between the broker's append and its ack",
    happen: (victim) => killWhileHeld(victim, victim.run.broker.hold(isProduce)),
  };
}

/** The same for offsets, committed alone or in a transaction. */
export function killBeforeCommitAck(): Fault {
  return {
    targets: ['service'],
    title: 'kill -9 between the commit of offsets and its ack',
    happen: (victim) => killWhileHeld(victim, victim.run.broker.hold(isCommit)),
  };
}

async function killWhileHeld(victim: Victim, hold: Hold): Promise<void> {
  await Promise.race([hold.held, sleep(3_000)]);
  await victim.member.kill();
  hold.release();
  restart(victim);
}

const isProduce = hasRequest(0);
/** OffsetCommit, EndTxn and TxnOffsetCommit. */
const isCommit = hasRequest(8, 26, 28);
