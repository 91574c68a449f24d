import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectMessage, NewMessage } from '../../src/connect-plugin/index.ts';
import { createGroupCommit } from '../../src/databases/group-commit.ts';
import { StatementError } from '../../src/databases/statement-error.ts';
import { DicomReadError, SinkError } from '../../src/errors.ts';
import { createStoreOutput } from '../../src/plugins/dicom-store.ts';
import { FailedFiles } from '../../src/plugins/failed-files.ts';
import { createGroupProcessor } from '../../src/plugins/group-dicom-state.ts';
import { readRowIdentity } from '../../src/plugins/row-identity.ts';
import type { HeaderReader, Sink } from '../../src/ports.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { context, kafkaMetadata, received } from './messages.ts';

const version = { source_time: '2025-01-01T00:00:00.000001', source_trace_id: 'trace' };
const state = { tenant_id: 't', patient_id: 'p', study_uid: '1', series_uid: '2', ...version };

/** Reads every file as state and image rows of the JSON that the real reader writes. */
const reader: HeaderReader = {
  async read(files) {
    const rows = files.map((file, index) => {
      const [study = '', series = '', sop = ''] = file.path.split('/').slice(-3);
      const keys = { tenant_id: file.tenantId, patient_id: 'p', study_uid: study, series_uid: series };
      const end = { source_time: file.version.time, source_trace_id: file.version.traceId };
      const json = (fields: object) => Buffer.from(JSON.stringify(fields));
      return { file, index, keys, sop, series: [file.tenantId, study, series].join('\0'), end, json };
    });
    const failures = files.flatMap(({ path }, index) =>
      path.endsWith('bad') ? [{ index, error: new DicomReadError('not_dicom') }] : [],
    );
    const good = rows.filter(({ file }) => !file.path.endsWith('bad'));
    return {
      failures,
      states: good.map(({ index, keys, series, end, json }) => ({
        index,
        identity: series,
        key: 's',
        json: json({ ...keys, ...end }),
      })),
      images: good.map(({ index, keys, sop, series, end, json }) => ({
        index,
        identity: `${series}\0${sop}`,
        key: 'i',
        json: json({ ...keys, sop_uid: sop, ...end }),
      })),
    };
  },
  close: async () => undefined,
};

/** The processor's records as they reach the output. */
async function grouped(paths: readonly string[]): Promise<readonly ConnectMessage[]> {
  const processor = createGroupProcessor(reader, { concurrency: 1, fileWaitMs: 0 });
  const batch = paths.map((path, n) => {
    const meta = storeMeta({ file_path: path, created_time: `2025-01-01T00:00:${String(n).padStart(2, '0')}` });
    return received(Buffer.from(JSON.stringify(meta)), kafkaMetadata(meta.trace_id, n));
  });
  const output = await processor.processBatch(batch, context);
  await processor.close?.();
  return output.map(asReceived);
}

function asReceived({ content, metadata }: NewMessage): ConnectMessage {
  return received(content as Buffer, metadata);
}

const noRefusals = () => {
  throw new Error('nothing may be refused');
};

describe('the output dicom_store', () => {
  it('stores the records of group_dicom_state as the service does, and ignores dead letters', async () => {
    const database = createMemoryDatabase();
    const output = createStoreOutput(database, noRefusals);
    await output.connect?.(context);
    await output.send(await grouped(['/1/2/a', '/1/2/b', '/1/3/c', '/1/2/bad']), context);
    expect([...database.objects.values()]).toHaveLength(3);
    expect([...database.states.keys()].map((key) => key.split('\0').slice(1))).toEqual([
      ['1', '2'],
      ['1', '3'],
    ]);
    expect([...database.images.keys()].map((key) => key.split('\0').slice(1))).toEqual([
      ['1', '2', 'a'],
      ['1', '2', 'b'],
      ['1', '3', 'c'],
    ]);
    await output.close?.();
  });

  it('stores the same rows however the records of a batch are divided and ordered', async () => {
    const records = await grouped(['/1/2/a', '/1/2/b', '/1/3/c']);
    const whole = createMemoryDatabase();
    const store = async (database: Sink, batches: readonly (readonly ConnectMessage[])[]) => {
      const output = createStoreOutput(database, noRefusals);
      await output.connect?.(context);
      for (const batch of batches) await output.send(batch, context);
    };
    await store(whole, [records]);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...records], { minLength: records.length }),
        fc.nat(records.length),
        async (order, at) => {
          const parts = createMemoryDatabase();
          await store(parts, [order.slice(0, at), order.slice(at)]);
          for (const table of ['objects', 'states', 'images'] as const)
            expect(new Map([...parts[table]].map(([key, { json }]) => [key, String(json)]))).toEqual(
              new Map([...whole[table]].map(([key, { json }]) => [key, String(json)])),
            );
        },
      ),
      { numRuns: 50 },
    );
  });

  it('stores every key once with its greatest version, although trace ids, versions and keys repeat in a batch', async () => {
    const second = (n: number) => `2025-01-01T00:00:0${n}.000000`;
    const records = fc.record({
      type: fc.constantFrom('object', 'state', 'image'),
      traceId: fc.constantFrom('a', 'b'),
      time: fc.constantFrom(1, 2, 3),
      series: fc.constantFrom('1', '2'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(records, { minLength: 1, maxLength: 12 }), async (rows) => {
        const database = createMemoryDatabase();
        const output = createStoreOutput(database, noRefusals);
        await output.connect?.(context);
        const expected = new Map<string, string>();
        const batch = rows.map(({ type, traceId, time, series }) => {
          const trace = traceId.padEnd(36, '-');
          const identity = type === 'object' ? trace : `t\0study\0${series}${type === 'image' ? '\0sop' : ''}`;
          const rowVersion = `${second(time)} ${trace}`;
          const name = `${type} ${identity}`;
          if (rowVersion > (expected.get(name) ?? '')) expected.set(name, rowVersion);
          const keys = { tenant_id: 't', study_uid: 'study', series_uid: series, sop_uid: 'sop' };
          const json =
            type === 'object'
              ? storeMeta({ trace_id: trace, created_time: second(time) })
              : { ...keys, source_time: second(time), source_trace_id: trace };
          return received(Buffer.from(JSON.stringify(json)), { record_type: type });
        });
        await output.send(batch, context);
        const tables = { object: database.objects, state: database.states, image: database.images };
        const stored = Object.entries(tables).flatMap(([type, table]) =>
          [...table].map(([key, { version: v }]) => [`${type} ${key}`, `${v.time} ${v.traceId}`] as const),
        );
        expect(new Map(stored)).toEqual(expected);
      }),
    );
  });

  it('refuses a record that was not processed, instead of acknowledging it', async () => {
    const output = createStoreOutput(createMemoryDatabase(), noRefusals);
    await output.connect?.(context);
    const raw = received(Buffer.from(JSON.stringify(storeMeta())), kafkaMetadata('key', 0));
    await expect(output.send([raw], context)).rejects.toThrow('without the metadata record_type');
    await expect(output.send([received(raw.bytes, { record_type: 'dead_letter' })], context)).resolves.toBeUndefined();
  });

  it('refuses rows without a key or a version, and names no value', async () => {
    const output = createStoreOutput(createMemoryDatabase(), noRefusals);
    await output.connect?.(context);
    const send = (type: string, content: string) =>
      output.send([received(Buffer.from(content), { record_type: type })], context);
    await expect(send('state', '{"patient_id":"secret"}')).rejects.toThrow(
      /^a state record has no identity or no version$/,
    );
    await expect(send('image', 'secret')).rejects.toThrow(/^a image record has no identity or no version$/);
    await expect(send('object', '{"patient_id":"secret"}')).rejects.toThrow(
      /^an object record is invalid \((?!.*secret)/,
    );
    await expect(send('state', JSON.stringify(state))).resolves.toBeUndefined();
  });

  it('reports a lost database as not connected, and sends again only after a successful connect', async () => {
    let error: SinkError | undefined = new SinkError('postgres', 'unavailable', 'ECONNREFUSED');
    const check = async () => {
      if (error !== undefined) throw error;
    };
    const sink: Sink = {
      ...createMemoryDatabase('postgres'),
      connect: check,
      write: async () => check().then(() => []),
    };
    const output = createStoreOutput(sink, noRefusals);
    const batch = await grouped(['/1/2/a']);
    await expect(output.connect?.(context)).rejects.toThrow('postgres: unavailable (ECONNREFUSED)');
    await expect(output.send(batch, context)).rejects.toMatchObject({ notConnected: true });
    error = undefined;
    await output.connect?.(context);
    await output.send(batch, context);
    error = new SinkError('postgres', 'conflict', '40P01');
    await expect(output.send(batch, context)).rejects.toMatchObject({ notConnected: false });
    error = new SinkError('postgres', 'unavailable', 'ECONNRESET');
    await expect(output.send(batch, context)).rejects.toMatchObject({ notConnected: true });
    error = undefined;
    await expect(output.send(batch, context)).rejects.toMatchObject({ notConnected: true });
  });

  it('reports refused records as an error of their batch, so that they are not acknowledged', async () => {
    const refused: number[] = [];
    const sink: Sink = {
      ...createMemoryDatabase('postgres'),
      write: async ({ grouped: [first] }) =>
        first === undefined ? [] : [{ file: first.file, error: new SinkError('postgres', 'rejected', '23514') }],
    };
    const output = createStoreOutput(sink, (rejections) => refused.push(rejections.length));
    await output.connect?.(context);
    await expect(output.send(await grouped(['/1/2/a', '/1/2/b']), context)).rejects.toThrow(
      'postgres refuses 1 of 2 files of the batch',
    );
    expect(refused).toEqual([1]);
  });
});

describe('a record that the database refuses', () => {
  /** A table that refuses the rows of one file, and stores all others. */
  function databaseThatRefuses(path: string) {
    const stored = new Set<string>();
    const refusedInARow = 20;
    const commits = createGroupCommit({
      name: 'postgres',
      refusedInARow,
      writers: [
        {
          async store(records) {
            const isBad = ({ object }: GroupedRecord) => String(object?.json).includes(path);
            const bad = records.find(isBad);
            if (bad !== undefined)
              return [
                { file: bad.file, error: new StatementError('postgres', 'rejected', '22001', { about: 'value' }) },
              ];
            for (const { object } of records) if (object !== null) stored.add(object.identity);
            return [];
          },
          close: async () => undefined,
        },
      ],
    });
    const output = createStoreOutput(
      { name: 'postgres', connect: async () => undefined, write: commits.write, close: commits.close },
      () => undefined,
    );
    return { output, stored, refusedInARow };
  }

  it('is reported as refused however often its batch is sent again, and the database does not count as out of order', async () => {
    const { output, stored, refusedInARow } = databaseThatRefuses('/1/2/refused');
    await output.connect?.(context);
    await output.send(await grouped(['/1/2/good']), context);
    const refused = await grouped(['/1/2/refused']);
    for (let attempt = 1; attempt <= 3 * refusedInARow; attempt++)
      await expect(output.send(refused, context)).rejects.toThrow('postgres refuses 1 of 1 files of the batch');
    await output.send(await grouped(['/1/2/later']), context);
    expect(stored.size).toBe(2);
    await output.close?.();
  });

  it('still counts as one of many, so that a database that refuses every record is out of order', async () => {
    const { output, refusedInARow } = databaseThatRefuses('/1/');
    await output.connect?.(context);
    const paths = Array.from({ length: refusedInARow }, (_, n) => `/1/2/${n}`);
    await expect(output.send(await grouped(paths), context)).rejects.toThrow('out of order');
    await output.close?.();
  });
});

describe('the files of batches that are sent again', () => {
  const one = { time: version.source_time, traceId: 'one' };
  const two = { time: version.source_time, traceId: 'two' };

  const takeAll = (files: FailedFiles) => [files.take(one, 0), files.take(one, 1), files.take(two, 0)];

  it('are the same objects for the records that were not stored', () => {
    const files = new FailedFiles();
    const batch = takeAll(files);
    expect(new Set(batch).size).toBe(3);
    files.attempted(batch, new Set(batch));
    const again = takeAll(files);
    expect(again.map((file, n) => file === batch[n])).toEqual([true, true, true]);
    files.attempted(again, new Set(again.slice(1, 2)));
    expect(takeAll(files).map((file, n) => file === batch[n])).toEqual([false, true, false]);
  });

  it('are never shared by two batches that are in flight', () => {
    const files = new FailedFiles();
    const batch = takeAll(files);
    files.attempted(batch, new Set(batch));
    expect(new Set([...takeAll(files), ...takeAll(files)]).size).toBe(6);
  });
});

describe('the identity of a row', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    fc.constantFrom('"', '\\', ',"source_time":"'),
  );

  it('is what JSON.parse reads, in any order of the fields and with any text in them', () => {
    fc.assert(
      fc.property(
        fc.record({ tenant_id: texts, patient_name: texts, study_uid: texts, series_uid: texts, sop_uid: texts }),
        fc.boolean(),
        (fields, reversed) => {
          const row = { ...fields, source_time: version.source_time, source_trace_id: `t${fields.tenant_id}` };
          const entries = Object.entries(row);
          const json = Buffer.from(JSON.stringify(Object.fromEntries(reversed ? entries.reverse() : entries)));
          const { tenant_id: tenant, study_uid: study, series_uid: series, sop_uid: sop } = fields;
          expect(readRowIdentity(json, 'image')).toEqual({
            identity: [tenant, study, series, sop].join('\0'),
            version: { time: version.source_time, traceId: `t${tenant}` },
          });
        },
      ),
    );
  });

  it.each([
    ['without a version', { ...state, source_time: undefined }],
    ['with a time of another form', { ...state, source_time: '2025-01-01T00:00:00' }],
    ['with a number as a key', { ...state, study_uid: 1 }],
    ['with an empty trace id', { ...state, source_trace_id: '' }],
  ])('does not exist %s', (_, fields) => {
    expect(readRowIdentity(Buffer.from(JSON.stringify(state)), 'state')).toBeDefined();
    expect(readRowIdentity(Buffer.from(JSON.stringify(fields)), 'state')).toBeUndefined();
  });
});
