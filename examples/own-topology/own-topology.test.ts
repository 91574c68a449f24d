import { describe, expect, it } from 'vitest';
import { SinkError } from 'wado-consumer';
import { storeMeta, TopologyTestDriver } from 'wado-consumer/testing';
import { createAuditSink, ownTopology, withFileTopic } from './own-topology.ts';

describe('the topology of one’s own', () => {
  it('stores one tenant, acknowledges all, and writes to the audit', async () => {
    const audit = createAuditSink();
    const driver = new TopologyTestDriver({ topology: ownTopology('clinic', audit) });
    const input = driver.createInputTopic();
    await input.pipeInput(storeMeta({ tenant_id: 'clinic' }));
    await input.pipeInput(storeMeta({ tenant_id: 'other' }));
    await driver.advanceTime(5_000);
    expect(driver.table('dicom_image_meta')).toMatchObject([{ tenant_id: 'clinic' }]);
    expect(audit.images.size).toBe(1);
    expect(driver.committed()).toBe(2);
  });

  it('commits nothing while the audit fails', async () => {
    const driver = new TopologyTestDriver({ topology: ownTopology('clinic', createAuditSink()) });
    await driver.fail('audit', new SinkError('audit', 'unavailable', 'ECONNREFUSED'));
    await driver.createInputTopic().pipeInput(storeMeta({ tenant_id: 'clinic' }));
    await driver.advanceTime(60_000);
    expect(driver.committed()).toBeUndefined();
    await driver.release('audit');
    await driver.advanceTime(5_000);
    expect(driver.committed()).toBe(1);
  });
});

describe('a topic of one’s own with exactly once', () => {
  it('gets its records in the transaction that commits their offsets', async () => {
    await using driver = new TopologyTestDriver({ exactlyOnce: true, exactlyOnceTopology: withFileTopic('files') });
    driver.hold('transaction');
    await driver.createInputTopic().pipeInput(storeMeta({ tenant_id: 'clinic', file_path: '/data/1/2/3' }));
    await driver.advanceTime(5_000);
    const files = driver.createOutputTopic('files');
    expect([files.size, driver.committed()]).toEqual([0, undefined]);
    await driver.release('transaction');
    expect(files.readKeyValue()).toEqual({ key: 'clinic', value: { path: '/data/1/2/3' } });
    expect(driver.committed()).toBe(1);
  });
});
