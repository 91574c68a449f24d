/**
 * The baseline: the same work in its simplest form. One batch at a time, headers read on the main thread, drizzle's
 * `insert().values().onConflictDoUpdate()`, one produce per record, offsets acknowledged after both.
 */

import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { PgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { bufferTime, concatMap, filter } from 'rxjs';
import { dicomImageMeta, dicomObjectMeta, dicomStateMeta } from '../src/databases/postgres/schema.ts';
import { readHeaderFile } from '../src/dicom/files/read-header.ts';
import { KafkaSource } from '../src/kafka/consumer/source.ts';
import { createProducer } from '../src/kafka/producer/producer.ts';
import type { DicomStoreMeta } from '../src/records/dicom-store-meta.ts';

const {
  KAFKA = '',
  PGURL = '',
  INPUT_TOPIC = '',
  GROUP = '',
  RECORDS = '0',
  STATE_TOPIC = '',
  IMAGE_TOPIC = '',
} = process.env;
const kafka = { 'bootstrap.servers': KAFKA };
const source = new KafkaSource({
  name: 'plain',
  topics: [INPUT_TOPIC],
  config: { ...kafka, 'group.id': GROUP, 'auto.offset.reset': 'earliest', 'fetch.queue.backoff.ms': 10 },
  checkpointLimit: 1_024,
  commitPeriodMs: 5_000,
  drainTimeoutMs: 1_000,
});
const producer = createProducer({
  name: 'plain',
  config: { ...kafka, 'enable.idempotence': true, 'compression.codec': 'lz4', 'linger.ms': 1 },
  deadlineMs: 30_000,
});
const pool = new pg.Pool({ connectionString: PGURL, max: 2 });
const database = drizzle(pool);
let done = 0;
let begun = 0;

/** Sets every column from the new row. */
function excluded(table: PgTable): Record<string, SQL> {
  return Object.fromEntries(
    Object.values(getTableColumns(table)).map((column) => [column.name, sql.raw(`excluded.${column.name}`)]),
  );
}

async function work(values: readonly DicomStoreMeta[]): Promise<void> {
  begun ||= performance.now();
  const states = new Map<string, typeof dicomStateMeta.$inferInsert>();
  const images = new Map<string, typeof dicomImageMeta.$inferInsert>();
  const outgoing: { topic: string; key: string; value: string }[] = [];
  for (const meta of values) {
    const read = readHeaderFile(meta.file_path, meta.tenant_id);
    if (!read.ok) throw read.error;
    const version = {
      source_time: meta.created_time,
      source_trace_id: meta.trace_id,
      created_time: meta.created_time,
      updated_time: meta.created_time,
    };
    const state = { ...read.state, ...version } as unknown as typeof dicomStateMeta.$inferInsert;
    const image = { ...read.image, ...version } as unknown as typeof dicomImageMeta.$inferInsert;
    states.set(meta.series_uid, state);
    images.set(meta.sop_uid, image);
  }
  for (const [key, value] of states) outgoing.push({ topic: STATE_TOPIC, key, value: JSON.stringify(value) });
  for (const [key, value] of images) outgoing.push({ topic: IMAGE_TOPIC, key, value: JSON.stringify(value) });
  await database
    .insert(dicomObjectMeta)
    .values(values.map((meta) => ({ ...meta, accession_number: meta.accession_number ?? null })))
    .onConflictDoNothing();
  await database
    .insert(dicomStateMeta)
    .values([...states.values()])
    .onConflictDoUpdate({
      target: [dicomStateMeta.tenant_id, dicomStateMeta.study_uid, dicomStateMeta.series_uid],
      set: excluded(dicomStateMeta),
    });
  await database
    .insert(dicomImageMeta)
    .values([...images.values()])
    .onConflictDoUpdate({
      target: [dicomImageMeta.tenant_id, dicomImageMeta.study_uid, dicomImageMeta.series_uid, dicomImageMeta.sop_uid],
      set: excluded(dicomImageMeta),
    });
  await producer.send(outgoing);
  done += values.length;
}

await new Promise<void>((resolve, reject) => {
  source.records$
    .pipe(
      bufferTime(5_000, null, 50),
      filter((batch) => batch.length > 0),
      concatMap(async (batch) => {
        await work(batch.map((record) => JSON.parse(record.value?.toString() ?? '{}') as DicomStoreMeta));
        source.ack(batch.map((record) => record.origin));
        if (done >= Number(RECORDS)) resolve();
      }),
    )
    .subscribe({ error: reject });
});
const seconds = (performance.now() - begun) / 1_000;
console.log(JSON.stringify({ rec_s: done / seconds }));
await Promise.all([source.close(), producer.close(), pool.end()]);
process.exit(0);
