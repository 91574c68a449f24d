import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import type { LoadRecord } from '../../src/testing/load.ts';
import { repetitions } from '../support/times-published.ts';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { hasRequest } from './support/kafka-requests.ts';
import { describeFaults } from './support/machine.ts';

const RECORDS = 300;

/** Every answer that the service waits for while it processes a batch, in this order. Numbers are Kafka's API keys. */
const ACKS: readonly { what: string; line: 'database' | 'broker'; is: (request: Buffer) => boolean }[] = [
  { what: "the database's commit", line: 'database', is: (request) => request.includes('wado_consumer_') },
  { what: 'AddPartitionsToTxn', line: 'broker', is: hasRequest(24) },
  { what: 'Produce', line: 'broker', is: hasRequest(0) },
  { what: 'AddOffsetsToTxn', line: 'broker', is: hasRequest(25) },
  { what: 'TxnOffsetCommit', line: 'broker', is: hasRequest(28) },
  { what: 'EndTxn', line: 'broker', is: hasRequest(26) },
];

describeFaults('run --exactly-once, killed by kill -9 between any two acks', (machine) => {
  it('shows a reader of committed records each state, image and dead letter once', { timeout: 300_000 }, async () => {
    await using run = await FaultRun.create(machine, { partitions: 3, exactlyOnce: true });
    const options = { args: QUICK, env: { INSTANCE_ID: 'lasting' } };
    const load: LoadRecord[] = [];
    let member = run.start(options);
    for (const [i, { what, line, is }] of ACKS.entries()) {
      await member.untilLogged('partitions assigned');
      const hold = run[line].hold(is);
      load.push(...(await run.pipeline.publish({ count: RECORDS, seed: i + 1, imagesPerSeries: 1, poisonEvery: 100 })));
      await Promise.race([
        hold.held,
        sleep(30_000).then(() => Promise.reject(new Error(`there was no answer to ${what}`))),
      ]);
      await member.kill();
      hold.release();
      member = run.start(options);
    }
    await run.pipeline.untilCommitted(60_000);
    await member.stop();
    expect(run.problems).toEqual([]);
    expect(differences(await run.pipeline.endState(), expectedState(load))).toEqual([]);
    expect(await repetitions(run.pipeline)).toEqual([]);
  });
});
