import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import { setProducerQuota } from '../client-quota.ts';
import type { Fault } from './fault.ts';

/** As in the shipped configuration. */
const CLIENT_ID = 'wado-consumer';

export function throttleProducer(random: Random): Fault {
  const bytesPerSecond = random.pick([1_000, 3_000, 10_000]);
  const ms = random.between(4_000, 12_000);
  return {
    targets: ['broker'],
    title: `producer quota of ${bytesPerSecond / 1_000} KB/s for ${ms} ms`,
    async happen({ run: { machine } }) {
      await setProducerQuota(machine.brokers, CLIENT_ID, bytesPerSecond);
      try {
        await sleep(ms);
      } finally {
        await setProducerQuota(machine.brokers, CLIENT_ID, undefined);
      }
    },
  };
}
