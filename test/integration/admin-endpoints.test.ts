import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startDatabaseProxy } from '../../src/testing/database-proxy.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const PATHS = ['/', '/dashboard.json', '/endpoints', '/metrics', '/ping', '/ready', '/stats', '/version'];

await describeWith(['kafka', 'postgres'], 'the admin endpoints of a service in full work', ({ kafka, postgres }) => {
  it('answer within a tenth of a second while its database hangs, and the work goes on when that does', {
    timeout: 180 * SECONDS,
  }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const load = await pipeline.publish({ count: 8_000 });
    const line = await startDatabaseProxy(pipeline.dsn);
    const service = pipeline.start({ POSTGRES_DSN: line.dsn });
    await pipeline.untilAtWork(60 * SECONDS);
    const url = service.url();
    // A suspended database: its machine acknowledges the bytes, but the server doesn't answer.
    line.blackHole(true);
    await sleep(2 * SECONDS);
    const held = await inFlight(service);
    expect(held).toBeGreaterThan(0);
    for (const path of PATHS) {
      const times: number[] = [];
      for (let n = 0; n < 10; n++) {
        const begun = performance.now();
        const answer = await fetch(url + path, { signal: AbortSignal.timeout(5 * SECONDS) });
        await answer.text();
        times.push(performance.now() - begun);
        await sleep(50);
      }
      // The best of them: whatever else the machine does is not the service's fault.
      expect(Math.min(...times), path).toBeLessThan(100);
    }
    // It did hang all the while, or the answers prove nothing.
    expect(await inFlight(service)).toBeGreaterThanOrEqual(held);
    line.blackHole(false);
    await pipeline.untilCommitted(90 * SECONDS);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    await line.close();
  });
});

async function inFlight(service: ServiceProcess): Promise<number> {
  return (await service.metrics())?.get('wado_records_in_flight') ?? Number.NaN;
}
