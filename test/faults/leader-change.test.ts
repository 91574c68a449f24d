import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { describeFaults } from './support/machine.ts';
import { SecondBroker } from './support/second-broker.ts';

const PARTITIONS = 3;

describeFaults('a change of leaders', (machine) => {
  it('loses nothing when partitions move to another broker, and when that broker is killed', {
    timeout: 400_000,
  }, async () => {
    await using run = await FaultRun.create(machine, { partitions: PARTITIONS });
    await using second = await SecondBroker.start(machine.brokers);
    const topics = Object.fromEntries(Object.values(run.pipeline.topics).map((topic) => [topic, PARTITIONS]));
    const member = run.start({ args: QUICK, direct: true });
    const load = run.load({ seed: 4, count: 9_000, perSecond: 150, poisonEvery: 97 });
    await member.untilLogged('batch acknowledged');

    await second.move(topics, [2]);
    const atTheSecond = (await member.figures())?.acked ?? 0;
    await second.move(topics, [2, 1]);
    await member.until(
      'acks while the second broker leads',
      async () => ((await member.figures())?.acked ?? 0) > atTheSecond,
    );
    await second.kill();
    await sleep(8_000);
    load.stop();

    expect(await run.verdict(120_000)).toEqual([]);
    await second.move(topics, [1]);
    await member.stop();
    expect(run.problems).toEqual([]);
  });
});
