import { expect, it } from 'vitest';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { describeFaults } from './support/machine.ts';
import { sleep } from './support/member.ts';

describeFaults('offsets that a dead process left in an open transaction', (machine) => {
  it('make its heir wait, and not begin anew, even when the group changes meanwhile', {
    timeout: 180_000,
  }, async () => {
    await using run = await FaultRun.create(machine, { partitions: 6, exactlyOnce: true });
    const dead = run.start({ args: QUICK });
    run.load({ seed: 3, count: 3_000, perSecond: 250 });
    await dead.until('some acks', async () => ((await dead.figures())?.acked ?? 0) > 600);

    // The broker has the offsets, the transaction is never ended: it stays open for 10 s.
    const hold = run.broker.hold(isTxnOffsetCommit);
    await hold.held;
    await dead.kill();
    hold.release();
    const heir = run.start({ args: QUICK });
    await sleep(4_000);
    const another = run.start({ args: QUICK });

    expect(await run.verdict()).toEqual([]);
    await Promise.all([heir.stop(), another.stop()]);
    expect(run.problems).toEqual([]);
  });
});

/** Kafka's API key 28, behind the length. */
function isTxnOffsetCommit(request: Buffer): boolean {
  return request.length > 8 && request.readInt16BE(4) === 28;
}
