/** The faults of a random sequence, and how often each is drawn. */
import type { Random } from '../../../src/samples/seeded-random.ts';
import type { DatabaseName } from './database.ts';
import { garbledBroker, garbledDatabase, line, resets } from './faults/connections.ts';
import { fillDisk } from './faults/disk.ts';
import type { Fault } from './faults/fault.ts';
import { killBeforeBrokerAck, killBeforeCommitAck, killBeforeDatabaseAck } from './faults/lost-acks.ts';
import { killBroker, killDatabase, limitMetadata, stopBroker, stopDatabase } from './faults/outages.ts';
import { throttleProducer } from './faults/quota.ts';
import { addColumn, lockRow, slowTrigger } from './faults/rows.ts';
import { killService, pauseService, secondMember, stopService } from './faults/service.ts';
import { lateFiles, loseMount, slowStorage } from './faults/storage.ts';
import { addPartitions, deleteRecords, recreateTopic } from './faults/topic.ts';

/** By the name that `npm run faults -- --kind NAME` uses. */
type Kinds = Readonly<Record<string, readonly [weight: number, make: (random: Random, on: DatabaseName) => Fault]>>;

/** No process, connection or partition is lost in these, so that nothing has to be processed twice. */
const GENTLE: Kinds = {
  quota: [3, throttleProducer],
  lock: [2, lockRow],
  trigger: [2, slowTrigger],
  column: [2, addColumn],
  mount: [2, loseMount],
  late: [2, lateFiles],
  slow: [2, slowStorage],
};

/** A restart of the broker takes longest, so it is rare. */
const KINDS: Kinds = {
  ...GENTLE,
  recreate: [3, recreateTopic],
  truncate: [3, deleteRecords],
  partitions: [2, addPartitions],
  kill: [4, killService],
  pause: [3, pauseService],
  stop: [3, stopService],
  second: [2, secondMember],
  'stop-database': [2, stopDatabase],
  'kill-database': [2, killDatabase],
  'stop-broker': [1, stopBroker],
  'kill-broker': [1, killBroker],
  metadata: [1, limitMetadata],
  'black-hole-database': [
    2,
    (random, name) => line(random, `${name} line`, 'black hole', (run, on) => run.lineTo(name).blackHole(on)),
  ],
  'black-hole-broker': [
    2,
    (random) => line(random, 'broker line', 'black hole', (run, on) => run.broker.blackHole(on)),
  ],
  'refuse-database': [
    2,
    (random, name) => line(random, `${name} line`, 'refused', (run, on) => run.lineTo(name).refuse(on)),
  ],
  'refuse-broker': [2, (random) => line(random, 'broker line', 'refused', (run, on) => run.broker.refuse(on))],
  'slow-database': [
    1,
    (random, name) => line(random, `${name} line`, 'slow', (run, on) => run.lineTo(name).delay(on ? 150 : 0)),
  ],
  'slow-broker': [1, (random) => line(random, 'broker line', 'slow', (run, on) => run.broker.delay(on ? 150 : 0))],
  'reset-database': [2, (random, name) => resets(random, `${name} line`, (run) => run.lineTo(name))],
  'reset-broker': [2, (random) => resets(random, 'broker line', (run) => run.broker)],
  'garble-database': [1, garbledDatabase],
  'garble-broker': [1, garbledBroker],
  'kill-before-database-ack': [2, (_, name) => killBeforeDatabaseAck(name)],
  'kill-before-broker-ack': [2, killBeforeBrokerAck],
  'kill-before-commit-ack': [2, killBeforeCommitAck],
  'fill-disk': [2, fillDisk],
};

export interface Sequence {
  readonly faults: readonly Fault[];
  /** None of the faults may make the service process a record twice. */
  readonly gentle: boolean;
}

const GENTLE_ONE_IN = 8;

/**
 * Random faults; with `only`, a list separated by commas, of those kinds. Each fault of a database is one of `databases`. With one database,
 * a seed gives the same sequence whichever it is.
 */
export function randomSequence(
  random: Random,
  length: number,
  databases: readonly DatabaseName[],
  only?: string,
): Sequence {
  const of = (make: (random: Random, on: DatabaseName) => Fault) => make(random, anyOf(random, databases));
  if (only !== undefined) {
    const kinds = only.split(',');
    const gentle = kinds.every((kind) => Object.hasOwn(GENTLE, kind));
    return { faults: Array.from({ length }, () => of(known(random.pick(kinds)))), gentle };
  }
  const gentle = random.between(1, GENTLE_ONE_IN) === 1;
  return { faults: Array.from({ length }, () => of(draw(random, gentle ? GENTLE : KINDS))), gentle };
}

function anyOf(random: Random, databases: readonly DatabaseName[]): DatabaseName {
  const [first, second] = databases;
  if (first === undefined) throw new RangeError('a run needs a database');
  return second === undefined ? first : random.pick(databases);
}

function known(kind: string): Kinds[string][1] {
  const found = KINDS[kind];
  if (found === undefined) throw new RangeError(`unknown kind ${kind}; the kinds are ${Object.keys(KINDS).join(', ')}`);
  return found[1];
}

function draw(random: Random, kinds: Kinds): Kinds[string][1] {
  const all = Object.values(kinds);
  let left = random.between(
    1,
    all.reduce((sum, [weight]) => sum + weight, 0),
  );
  for (const [weight, make] of all) {
    left -= weight;
    if (left <= 0 && weight > 0) return make;
  }
  throw new RangeError('no kind has a positive weight');
}
