import { describe, expect, it } from 'vitest';
import { keepRecords } from '../../src/operators/keep-records.ts';
import { mapRecords } from '../../src/operators/map-records.ts';
import type { GroupedRecord, PublishedRow } from '../../src/records/records.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';
import type { ServiceNodes } from '../../topology/delivery.ts';
import { type ExactlyOnceNodes, readHeaders, type Settings } from '../../topology/topology.ts';

const NEWEST = '0199e6ae-8148-7e73-8d6c-c435bf126f03';
/** Three images of one series: only the record with the greatest version carries the row of the series. */
const MESSAGES = [1, 2, 3].map((number) => {
  const id = `0199e6ae-8148-7e73-8d6c-c435bf126f0${number}`;
  const time = `2025-01-01T00:00:0${number}`;
  return storeMeta({ trace_id: id, created_time: time, file_path: `/data/1.2/1.2.3/1.2.3.${number}` });
});

function hide<Row extends PublishedRow | null>(row: Row): Row {
  if (row === null) return row;
  return { ...row, json: Buffer.from(row.json.toString().replaceAll('REAL^NAME', 'hidden')) };
}
const hideNames = mapRecords((record: GroupedRecord) => ({ ...record, state: hide(record.state) }));

interface Case {
  readonly keep?: (record: GroupedRecord) => boolean;
  readonly rejectedBy?: string;
  readonly exactlyOnce?: boolean;
}

/** The names of the patient in the table and in the topic. */
async function namesOf({ keep = () => true, rejectedBy, exactlyOnce = false }: Case) {
  const reader = createMemoryReader({ header: () => ({ state: { patient_name: 'REAL^NAME' } }) });
  const processed = ({ source, reader: headers }: Pick<ServiceNodes, 'source' | 'reader'>, settings: Settings) =>
    readHeaders(source, headers, settings).through('hide_names', hideNames).through('keep', keepRecords(keep));
  await using driver = new TopologyTestDriver({
    reader,
    exactlyOnce,
    topology: (nodes: ServiceNodes, settings) =>
      processed(nodes, settings).forkTo(nodes, settings).commitTo(nodes.offsets),
    exactlyOnceTopology: (nodes: ExactlyOnceNodes, settings) =>
      processed(nodes, settings).forkTo({ sinks: nodes.databases }, settings).commitIn(nodes.transaction),
  });
  if (rejectedBy !== undefined) driver.reject(rejectedBy, ({ value }) => value?.toString().includes(NEWEST) === true);
  await driver.createInputTopic().pipeValues(MESSAGES);
  await driver.advanceTime(60_000);
  expect(driver.committed()).toBe(3);
  const published = driver.published('dicom_state_queue').map(({ value }) => JSON.parse(String(value)));
  const names = (rows: readonly Record<string, unknown>[]) => rows.map(({ patient_name: name }) => name);
  return { table: names(driver.table('dicom_state_meta')), topic: names(published) };
}

const withoutNewest = ({ file }: GroupedRecord) => file.version.traceId !== NEWEST;

describe('mapRecords changes the rows of every record', () => {
  it('in a batch that is stored as it is', async () => {
    expect(await namesOf({})).toEqual({ table: ['hidden'], topic: ['hidden'] });
  });

  it('in a batch from which keepRecords has removed the record that carried a row', async () => {
    expect(await namesOf({ keep: withoutNewest })).toEqual({ table: ['hidden'], topic: ['hidden'] });
  });

  it('in a batch of which a database has rejected the record that carried a row', async () => {
    expect(await namesOf({ rejectedBy: 'memory' })).toEqual({ table: ['hidden'], topic: ['hidden', 'hidden'] });
  });

  it('in a batch of which a topic has rejected the record that carried a row', async () => {
    expect(await namesOf({ rejectedBy: 'state_topic' })).toEqual({ table: ['hidden'], topic: ['hidden'] });
  });

  it('in a batch of a transaction of which a database has rejected the record that carried a row', async () => {
    const exactlyOnce = { exactlyOnce: true, rejectedBy: 'memory' };
    expect(await namesOf(exactlyOnce)).toEqual({ table: ['hidden'], topic: ['hidden'] });
  });
});
