import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const OUTAGE = new SinkError('memory', 'unavailable', 'ECONNREFUSED');
/** Longer than the pause between two retries. */
const RETRY_MS = 6_000;

let driver: TopologyTestDriver;

beforeEach(() => {
  driver = new TopologyTestDriver({ batchCount: 2 });
});

afterEach(() => driver.stop());

/** One batch: a record of each of these partitions. */
async function pipe(...partitions: readonly number[]): Promise<void> {
  const topic = driver.createInputTopic();
  for (const partition of partitions) await topic.pipeInput(storeMeta({ sop_uid: `1.${partition}` }), { partition });
}

describe('a batch that a database can not store for now', () => {
  it('is dropped when all its records belong to the next owners of their partitions', async () => {
    await driver.fail('memory', OUTAGE);
    await pipe(0, 0);
    driver.revoke(0);
    await driver.advanceTime(RETRY_MS);
    await driver.release('memory');
    await driver.advanceTime(10 * RETRY_MS);
    expect(driver.table('dicom_object_meta')).toEqual([]);
    expect(driver.acknowledgedBatches).toEqual([]);
  });

  it('is stored and acknowledged when one of its records still belongs to this consumer', async () => {
    await driver.fail('memory', OUTAGE);
    await pipe(0, 1);
    driver.revoke(0);
    await driver.advanceTime(RETRY_MS);
    await driver.release('memory');
    await driver.advanceTime(10 * RETRY_MS);
    expect(driver.table('dicom_image_meta')).toHaveLength(2);
    expect([driver.committed(0), driver.committed(1)]).toEqual([undefined, 1]);
  });
});
