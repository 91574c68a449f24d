/** A producer quota on the broker. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { Fault } from './fault.ts';

const SCRIPT = fileURLToPath(new URL('../../../../scripts/services.sh', import.meta.url));
const CLIENT_ID = 'wado-consumer';
const run = promisify(execFile);

export function throttleProducer(random: Random): Fault {
  const bytesPerSecond = random.pick([5_000, 10_000, 20_000]);
  const ms = random.between(2_000, 8_000);
  return {
    targets: ['broker'],
    title: `producer quota of ${bytesPerSecond / 1_000} KB/s for ${ms} ms`,
    async happen({ run: { machine } }) {
      await setProducerQuota(machine.brokers, bytesPerSecond);
      await sleep(ms);
      await setProducerQuota(machine.brokers, undefined);
    },
  };
}

/** The limit of the service's client id, in bytes per second; undefined removes it. */
export async function setProducerQuota(brokers: string, bytesPerSecond: number | undefined): Promise<void> {
  const change =
    bytesPerSecond === undefined
      ? ['--delete-config', 'producer_byte_rate']
      : ['--add-config', `producer_byte_rate=${bytesPerSecond}`];
  const where = ['--bootstrap-server', brokers, '--alter', '--entity-type', 'clients', '--entity-name', CLIENT_ID];
  await run('bash', [SCRIPT, 'tool', 'kafka.admin.ConfigCommand', ...where, ...change], { timeout: 60_000 });
}
