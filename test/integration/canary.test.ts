import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { migratePostgres } from '../../src/databases/postgres/migrate.ts';
import { ERROR_HEADERS } from '../../src/dead-letters/format.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { CANARY_DATA_SET, CANARY_PATH, CANARY_UIDS, canaryFile, canaryMeta, findCanaries } from '../security/canary.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const HTTP = 'http://127.0.0.1:14295';

await describeWith(['kafka', 'postgres'], 'a patient whose every attribute is a canary', ({ kafka, postgres }) => {
  it('is in no log line, metric, answer or error header, whatever goes wrong', { timeout: 120 * SECONDS }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions: 1 });
    const place = (n: number) => join(pipeline.store, `${n}`, CANARY_PATH);
    const store = (n: number, bytes: Buffer) => {
      mkdirSync(dirname(place(n)), { recursive: true });
      writeFileSync(place(n), bytes);
      return JSON.stringify(canaryMeta(n, { file_path: place(n) }));
    };
    const meta = canaryMeta(1);
    const values = [
      // What works, what the database will reject with the row in its message, and what the file itself gets wrong.
      store(1, canaryFile(1)),
      store(2, canaryFile(2, { InstanceNumber: '4242' })),
      store(3, canaryFile(3).subarray(0, 300)),
      store(4, Buffer.from('CANARY plain text')),
      ...Object.keys(CANARY_DATA_SET).map((keyword, i) => store(100 + i, canaryFile(100 + i, { [keyword]: null }))),
      JSON.stringify(canaryMeta(5, { file_path: place(5) })),
      JSON.stringify(canaryMeta(6, { file_path: '/etc/hostname' })),
      // What the record itself gets wrong, field by field.
      ...Object.keys(meta).map((field) => JSON.stringify({ ...meta, [field]: ['CANARY'] })),
      ...Object.keys(meta).map((field) => JSON.stringify({ ...meta, [field]: 'CANARY'.repeat(200) })),
      '{"patient_id": "CANARY',
      // Here the parser's own message quotes what it stumbled over.
      'CANARY',
      '{"patient_id": CANARY}',
      '["CANARY"]',
    ];
    await migratePostgres(pipeline.dsn);
    const client = new pg.Client(pipeline.dsn);
    await client.connect();
    await client.query(
      'alter table dicom_image_meta add constraint no_canary check (instance_number is distinct from 4242)',
    );
    await client.end();

    const producer = createProducer({
      name: 'test',
      config: { 'bootstrap.servers': kafka.brokers },
      deadlineMs: 30_000,
    });
    await producer.send(values.map((value) => ({ topic: pipeline.topics.input, key: 'CANARY-KEY', value })));
    await producer.close();
    const service = pipeline.start({ LOG_LEVEL: 'TRACE', HTTP_ADDRESS: '127.0.0.1:14295' });
    await pipeline.untilCommitted(60 * SECONDS);

    const answers = await Promise.all(
      ['/metrics', '/ready', '/', '/stats', '/version', `/${CANARY_UIDS.study}`].map(async (path) =>
        (await fetch(HTTP + path)).text(),
      ),
    );
    expect((await service.signal('SIGTERM')).code).toBe(0);
    const headers: string[] = [];
    for await (const record of readTopic({ 'bootstrap.servers': kafka.brokers }, pipeline.topics.deadLetter)) {
      for (const [name, value] of record.headers) {
        if (Object.values<string>(ERROR_HEADERS).includes(name)) headers.push(`${name}=${value?.toString()}`);
      }
    }
    // It went wrong in every way there is, or the silence proves nothing.
    const codes = [
      'truncated',
      'not_dicom',
      'file_missing',
      'outside_storage_roots',
      'missing_required:STUDY_INSTANCE_UID',
      '23514',
      'not JSON',
    ];
    for (const code of codes)
      expect(
        headers.some((header) => header.includes(code)),
        code,
      ).toBe(true);
    expect(findCanaries(pipeline.logText())).toEqual([]);
    expect(findCanaries(answers.join('\n'))).toEqual([]);
    expect(findCanaries(headers.join('\n'))).toEqual([]);
  });
});
