/** The faults of a random sequence, and how often each is drawn. */
import type { Random } from '../../../src/samples/seeded-random.ts';
import { garbledBroker, garbledDatabase, line, resets } from './faults/connections.ts';
import { fillDisk } from './faults/disk.ts';
import type { Fault } from './faults/fault.ts';
import { killBeforeBrokerAck, killBeforeCommitAck, killBeforeDatabaseAck } from './faults/lost-acks.ts';
import { killBroker, killDatabase, stopBroker, stopDatabase } from './faults/outages.ts';
import { throttleProducer } from './faults/quota.ts';
import { addColumn, lockRow, slowTrigger } from './faults/rows.ts';
import { killService, pauseService, secondMember, stopService } from './faults/service.ts';
import { lateFiles, loseMount, slowStorage } from './faults/storage.ts';
import { addPartitions, deleteRecords, recreateTopic } from './faults/topic.ts';

/** By the name that `npm run faults -- --kind NAME` uses. */
type Kinds = Readonly<Record<string, readonly [weight: number, make: (random: Random) => Fault]>>;

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
  'black-hole-database': [
    2,
    (random) => line(random, 'database line', 'black hole', (run, on) => run.database.blackHole(on)),
  ],
  'black-hole-broker': [
    2,
    (random) => line(random, 'broker line', 'black hole', (run, on) => run.broker.blackHole(on)),
  ],
  'refuse-database': [2, (random) => line(random, 'database line', 'refused', (run, on) => run.database.refuse(on))],
  'refuse-broker': [2, (random) => line(random, 'broker line', 'refused', (run, on) => run.broker.refuse(on))],
  'slow-database': [
    1,
    (random) => line(random, 'database line', 'slow', (run, on) => run.database.delay(on ? 150 : 0)),
  ],
  'slow-broker': [1, (random) => line(random, 'broker line', 'slow', (run, on) => run.broker.delay(on ? 150 : 0))],
  'reset-database': [2, (random) => resets(random, 'database line')],
  'reset-broker': [2, (random) => resets(random, 'broker line')],
  'garble-database': [1, garbledDatabase],
  'garble-broker': [1, garbledBroker],
  'kill-before-database-ack': [2, killBeforeDatabaseAck],
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

/** Random faults; with `only`, a list separated by commas, of those kinds. */
export function randomSequence(random: Random, length: number, only?: string): Sequence {
  if (only !== undefined) {
    const kinds = only.split(',');
    const gentle = kinds.every((kind) => Object.hasOwn(GENTLE, kind));
    return { faults: Array.from({ length }, () => known(random.pick(kinds))(random)), gentle };
  }
  const gentle = random.between(1, GENTLE_ONE_IN) === 1;
  return { faults: Array.from({ length }, () => draw(random, gentle ? GENTLE : KINDS)), gentle };
}

function known(kind: string): (random: Random) => Fault {
  const found = KINDS[kind];
  if (found === undefined) throw new RangeError(`unknown kind ${kind}; the kinds are ${Object.keys(KINDS).join(', ')}`);
  return found[1];
}

function draw(random: Random, kinds: Kinds): Fault {
  const all = Object.values(kinds);
  let left = random.between(
    1,
    all.reduce((sum, [weight]) => sum + weight, 0),
  );
  for (const [weight, make] of all) {
    left -= weight;
    if (left <= 0 && weight > 0) return make(random);
  }
  throw new RangeError('no kind has a positive weight');
}
