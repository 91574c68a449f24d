/** The faults of a random sequence. Each does its harm for a while, mends it, and leaves a member running. */
import { execFile } from 'node:child_process';
import { appendFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Random } from '../../../src/samples/seeded-random.ts';
import type { FaultRun, MemberOptions } from './fault-run.ts';
import { type Member, sleep } from './member.ts';

/** What a sequence works on: the member that must always come back. */
export interface Victim {
  readonly run: FaultRun;
  member: Member;
  readonly options: MemberOptions;
}

type Target = 'service' | 'database' | 'broker' | 'database line' | 'broker line' | 'group' | 'dead letters';

export interface Fault {
  /** Two faults on the same target never overlap. */
  readonly target: Target;
  readonly title: string;
  happen(victim: Victim): Promise<void>;
}

const run = promisify(execFile);

/** How likely each is, beside the others. A broker's restart takes longest, so it is rare. */
const KINDS: readonly (readonly [number, (random: Random) => Fault])[] = [
  [4, killService],
  [3, pauseService],
  [3, stopService],
  [2, secondMember],
  [2, stopDatabase],
  [2, killDatabase],
  [1, stopBroker],
  [1, killBroker],
  [2, (random) => line(random, 'database line', 'black hole', (run, on) => run.database.blackHole(on))],
  [2, (random) => line(random, 'broker line', 'black hole', (run, on) => run.broker.blackHole(on))],
  [2, (random) => line(random, 'database line', 'refused', (run, on) => run.database.refuse(on))],
  [2, (random) => line(random, 'broker line', 'refused', (run, on) => run.broker.refuse(on))],
  [1, (random) => line(random, 'database line', 'slow', (run, on) => run.database.delay(on ? 150 : 0))],
  [1, (random) => line(random, 'broker line', 'slow', (run, on) => run.broker.delay(on ? 150 : 0))],
  [2, (random) => resets(random, 'database line')],
  [2, (random) => resets(random, 'broker line')],
  [1, garbledDatabase],
  [1, garbledBroker],
  [2, killBeforeDatabaseAck],
  [2, killBeforeBrokerAck],
  [2, killBeforeCommitAck],
  [2, fillDisk],
];

export function randomFault(random: Random): Fault {
  let left = random.between(
    1,
    KINDS.reduce((sum, [weight]) => sum + weight, 0),
  );
  for (const [weight, make] of KINDS) {
    left -= weight;
    if (left <= 0) return make(random);
  }
  throw new RangeError('no fault left');
}

function restart(victim: Victim): void {
  victim.member = victim.run.start(victim.options);
}

function killService(random: Random): Fault {
  const downMs = random.between(0, 500);
  return {
    target: 'service',
    title: `kill -9 of the service, ${downMs} ms down`,
    async happen(victim) {
      await victim.member.kill();
      await sleep(downMs);
      restart(victim);
    },
  };
}

function pauseService(random: Random): Fault {
  const ms = random.between(300, 3_500);
  return {
    target: 'service',
    title: `SIGSTOP of the service for ${ms} ms`,
    async happen({ member }) {
      member.process.pause();
      await sleep(ms);
      member.process.resume();
    },
  };
}

function stopService(random: Random): Fault {
  const downMs = random.between(0, 500);
  return {
    target: 'service',
    title: `SIGTERM of the service, ${downMs} ms down`,
    async happen(victim) {
      // Another fault may hold up the drain until its deadline.
      await victim.member.stop({ mayForce: true });
      await sleep(downMs);
      restart(victim);
    },
  };
}

function secondMember(random: Random): Fault {
  const ms = random.between(1_500, 3_500);
  const killed = random.between(0, 1) === 0;
  return {
    target: 'group',
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

function stopDatabase(random: Random): Fault {
  return outage(random, 'database', 'PostgreSQL stopped', ({ run }) => run.machine.stop('postgres'), 'postgres');
}

function killDatabase(random: Random): Fault {
  return outage(random, 'database', 'kill -9 of PostgreSQL', ({ run }) => run.machine.kill('postgres'), 'postgres');
}

function stopBroker(random: Random): Fault {
  return outage(random, 'broker', 'Kafka stopped', ({ run }) => run.machine.stop('kafka'), 'kafka');
}

function killBroker(random: Random): Fault {
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
    target,
    title: `${title} for ${ms} ms`,
    async happen(victim) {
      await end(victim);
      await sleep(ms);
      await victim.run.machine.start(server);
    },
  };
}

/** What doesn't fit any more differs by what was written before: rows (53100), or the log, which ends the server. */
function fillDisk(random: Random): Fault {
  const ms = random.between(300, 2_500);
  return {
    target: 'database',
    title: `PostgreSQL's disk full for ${ms} ms`,
    async happen({ run: { machine } }) {
      // Where no small file system could be mounted, the seed's other faults stay as they are.
      if (machine.disk === undefined) return skipped("PostgreSQL's disk full");
      const filler = join(machine.disk, 'filler');
      await fill(machine.disk, filler);
      await sleep(ms);
      await rm(filler);
      await machine.start('postgres');
    },
  };
}

const MB = 1024 * 1024;

/** Most of it at once, and then bit by bit until nothing goes in any more: the server writes meanwhile. */
async function fill(disk: string, filler: string): Promise<void> {
  const { bavail, bsize } = await statfs(disk);
  await run('fallocate', ['-l', String(Math.max(MB, bavail * bsize - 16 * MB)), filler]);
  const bit = Buffer.alloc(MB / 4);
  for (;;) {
    try {
      await appendFile(filler, bit);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
      throw error;
    }
  }
}

function skipped(what: string): void {
  console.log(`skipped: ${what}: no tmpfs can be mounted here`);
}

function line(
  random: Random,
  target: Target,
  title: string,
  turn: (run: FaultRun, on: boolean) => void | Promise<void>,
): Fault {
  const ms = random.between(300, 3_000);
  return {
    target,
    title: `${target}: ${title} for ${ms} ms`,
    async happen({ run }) {
      await turn(run, true);
      await sleep(ms);
      await turn(run, false);
    },
  };
}

function resets(random: Random, target: 'database line' | 'broker line'): Fault {
  const times = random.between(1, 6);
  return {
    target,
    title: `${target}: reset ${times} times`,
    async happen({ run }) {
      for (let i = 0; i < times; i++) {
        if (target === 'database line') run.database.cut();
        else run.broker.cut();
        await sleep(300);
      }
    },
  };
}

function garbledDatabase(random: Random): Fault {
  return line(random, 'database line', 'garbled', (run, on) => run.database.garble(on));
}

/** From the first answer of new connections only: what is garbled in the middle of a fetch, no protocol without TLS can tell. */
function garbledBroker(random: Random): Fault {
  return line(random, 'broker line', 'garbled', (run, on) => {
    run.broker.garble(on);
    run.broker.cut();
  });
}

/** The database has committed, its answer is on the way, and the service dies. */
function killBeforeDatabaseAck(): Fault {
  return {
    target: 'service',
    title: "kill -9 between the database's commit and its ack",
    happen: (victim) => killWhileHeld(victim, victim.run.database.hold(isBind)),
  };
}

/** The same for the broker's acknowledgement of output records. */
function killBeforeBrokerAck(): Fault {
  return {
    target: 'service',
    title: "kill -9 between the broker's append and its ack",
    happen: (victim) => killWhileHeld(victim, victim.run.broker.hold(isProduce)),
  };
}

/** And for the offsets: the broker has them, by themselves or at a transaction's end. */
function killBeforeCommitAck(): Fault {
  return {
    target: 'service',
    title: 'kill -9 between the commit of offsets and its ack',
    happen: (victim) => killWhileHeld(victim, victim.run.broker.hold(isCommit)),
  };
}

async function killWhileHeld(victim: Victim, hold: ReturnType<FaultRun['database']['hold']>): Promise<void> {
  await Promise.race([hold.held, sleep(3_000)]);
  await victim.member.kill();
  hold.release();
  restart(victim);
}

/** PostgreSQL's Bind message: a prepared statement with its values. */
function isBind(request: Buffer): boolean {
  return request[0] === 0x42 || (request[0] === 0x50 && request.includes('wado_consumer_write'));
}

/** Kafka's Produce request. */
function isProduce(request: Buffer): boolean {
  return apiKeyOf(request) === 0;
}

/** OffsetCommit, EndTxn, TxnOffsetCommit. */
function isCommit(request: Buffer): boolean {
  return [8, 26, 28].includes(apiKeyOf(request));
}

/** Behind the length. */
function apiKeyOf(request: Buffer): number {
  return request.length > 8 ? request.readInt16BE(4) : -1;
}
