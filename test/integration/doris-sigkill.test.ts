import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { type DorisDouble, startDorisDouble } from '../support/doris/double.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

const column = (double: DorisDouble, table: string, name: string) =>
  new Set(double.rows(table).map((row) => row[name] ?? ''));

/** Waits until a BE has begun a load and not yet ended it. */
async function untilLoading({ cluster }: DorisDouble): Promise<void> {
  while (!cluster.transactions.all.some(({ state }) => state === 'PREPARE')) await sleep(5);
}

await describeWith(['kafka', 'postgres'], 'a service that writes to PostgreSQL and Doris', ({ kafka, postgres }) => {
  it('leaves in both what the records say after SIGKILL in the middle of loads', {
    timeout: 240 * SECONDS,
  }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
    const double = await startDorisDouble({ frontends: 2, backends: 2 });
    const store = { driver: 'doris', dsn: double.dsn(), load_period: '100ms', statement_timeout: '3s' };
    const added = JSON.stringify({ label: 'doris', dicom_store: store });
    const args = ['--set', `output.reject_errored.broker.outputs.-=${added}`];
    const load = await pipeline.publish({ count: 4_000 });
    for (let kills = 0; kills < 3; kills++) {
      for (let n = 0; n < 3; n++) double.cluster.injectFault({ kind: 'delay', ms: 300 });
      const service = pipeline.start({}, args);
      await untilLoading(double);
      await service.signal('SIGKILL');
      await sleep(400);
    }
    double.cluster.injectFault({ kind: 'cut_after_commit' });
    double.cluster.injectFault({ kind: 'publish_timeout' }, 'dicom_object_meta');
    const service = pipeline.start({}, args);
    await pipeline.untilCommitted(120 * SECONDS);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    double.cluster.transactions.publishAll();
    const expected = expectedState(load);
    const inPostgres = await pipeline.endState();
    expect(differences(inPostgres, expected)).toEqual([]);
    const inDoris = {
      ...inPostgres,
      objects: column(double, 'dicom_object_meta', 'trace_id'),
      states: column(double, 'dicom_state_meta', 'series_uid'),
      images: column(double, 'dicom_image_meta', 'sop_uid'),
    };
    expect(differences(inDoris, expected)).toEqual([]);
    expect(double.cluster.transactions.all.some(({ state }) => state === 'ABORTED')).toBe(true);
    await double.close();
  });
});
