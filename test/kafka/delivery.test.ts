import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/kafka/client/client.ts';
import { Delivery } from '../../src/kafka/producer/delivery.ts';
import { SilenceError } from '../../src/kafka/producer/produce-errors.ts';
import type { ProducerClient, Report } from '../../src/kafka/producer/producer-client.ts';

type Outcome = 'acknowledged' | 'unavailable' | 'refused' | 'silent';

interface FakeClient extends Pick<ProducerClient, 'produce' | 'lastProgress'> {
  /** Reports the outcome of what is silent so far. */
  answer(error: unknown): void;
}

const failure = (code: number) => Object.assign(new Error('failed'), { code });
const UNAVAILABLE = failure(ERRORS.ERR__TRANSPORT);
const REFUSED = failure(ERRORS.ERR_MSG_SIZE_TOO_LARGE);

/** A client whose reports `outcomeOf` decides, given the record's key and how often it was produced. */
function fakeClient(outcomeOf: (key: string, times: number) => Outcome, produced: string[]): FakeClient {
  const silent: Report[] = [];
  let progress = Number.NEGATIVE_INFINITY;
  return {
    get lastProgress() {
      return progress;
    },
    produce({ key }, report) {
      const name = String(key);
      produced.push(name);
      const outcome = outcomeOf(name, produced.filter((each) => each === name).length);
      if (outcome === 'silent') silent.push(report);
      else
        setImmediate(() => {
          progress = performance.now();
          report(outcome === 'acknowledged' ? undefined : outcome === 'refused' ? REFUSED : UNAVAILABLE);
        });
      return true;
    },
    answer: (error) => {
      for (const report of silent.splice(0)) report(error);
    },
  };
}

const client = (fake: FakeClient) => fake as unknown as ProducerClient;
const deliveryOf = (keys: readonly string[]) => new Delivery(keys.map((key) => ({ topic: 't', key, value: '' })));

async function untilDelivered(delivery: Delivery, batched: FakeClient, single: FakeClient): Promise<void> {
  while (delivery.needsBatches || delivery.needsSingles) {
    if (delivery.needsBatches) await delivery.send(client(batched), false, 1_000);
    if (delivery.needsSingles) await delivery.send(client(single), true, 1_000);
  }
}

describe('a delivery', () => {
  it('resends only records that were not acknowledged, and refuses only records that were refused alone', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const outcome = fc.constantFrom<Outcome>('acknowledged', 'unavailable', 'refused');
    const script = fc.record({ batched: fc.array(outcome, { maxLength: 3 }), poison: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(script, { minLength: keys.length, maxLength: keys.length }), async (scripts) => {
        const sent = { batched: [] as string[], single: [] as string[] };
        const scriptOf = (key: string) => scripts[keys.indexOf(key)];
        const batched = fakeClient((key, times) => scriptOf(key)?.batched[times - 1] ?? 'acknowledged', sent.batched);
        const single = fakeClient((key) => (scriptOf(key)?.poison ? 'refused' : 'acknowledged'), sent.single);
        const delivery = deliveryOf(keys);
        await untilDelivered(delivery, batched, single);

        for (const key of keys) {
          const { batched: outcomes = [], poison = false } = scriptOf(key) ?? {};
          const last = outcomes.findIndex((each) => each !== 'unavailable');
          const refusedInBatch = last >= 0 && outcomes[last] === 'refused';
          const times = last >= 0 ? last + 1 : outcomes.length + 1;
          expect(sent.batched.filter((each) => each === key)).toHaveLength(times);
          expect(sent.single.filter((each) => each === key)).toHaveLength(refusedInBatch ? 1 : 0);
          const refused = delivery.refusals.some(({ index }) => keys[index] === key);
          expect(refused).toBe(refusedInBatch && poison);
        }
      }),
    );
  });

  it('waits for queued records after a silence instead of sending them again', async () => {
    const sent: string[] = [];
    const fake = fakeClient((key) => (key === 'b' ? 'silent' : 'acknowledged'), sent);
    const delivery = deliveryOf(['a', 'b']);
    await expect(delivery.send(client(fake), false, 20)).rejects.toBeInstanceOf(SilenceError);
    const again = delivery.send(client(fake), false, 1_000);
    fake.answer(undefined);
    await again;
    expect(delivery.needsBatches).toBe(false);
    expect(sent).toEqual(['a', 'b']);
  });

  it('has no deadline while other records are acknowledged', async () => {
    const reports: Report[] = [];
    const busy = {
      get lastProgress() {
        return performance.now();
      },
      produce: (_: unknown, report: Report) => reports.push(report) > 0,
    };
    const sending = deliveryOf(['a']).send(busy as unknown as ProducerClient, false, 10);
    setTimeout(() => reports[0]?.(undefined), 100);
    await expect(sending).resolves.toBeUndefined();
  });

  it('reports the cause of a failure rather than that records were dropped', async () => {
    const purged = failure(ERRORS.ERR__PURGE_QUEUE);
    const errors = [purged, UNAVAILABLE, purged];
    const fake = {
      lastProgress: 0,
      produce: (_: unknown, report: Report) => setImmediate(report, errors.shift()) !== undefined,
    };
    const delivery = deliveryOf(['a', 'b', 'c']);
    await delivery.send(fake as unknown as ProducerClient, false, 1_000);
    expect(delivery.failure?.error).toBe(UNAVAILABLE);
  });
});
