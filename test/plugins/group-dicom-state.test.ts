import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { NewMessage } from '../../src/connect-plugin/index.ts';
import { writeBatch } from '../../src/connect-plugin/message.ts';
import { Writer } from '../../src/connect-plugin/value.ts';
import { deadLetter } from '../../src/dead-letters/format.ts';
import type { DicomReadErrorCode } from '../../src/errors.ts';
import { KafkaOrigin, originHeaders } from '../../src/kafka/consumer/origin.ts';
import { parseRecord } from '../../src/operators/parse-records.ts';
import { createGroupProcessor } from '../../src/plugins/group-dicom-state.ts';
import type { FileToRead } from '../../src/records/records.ts';
import { consumedRecord } from '../../src/testing/consumed-record.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { context, kafkaMetadata, received } from './messages.ts';

const settings = { concurrency: 4, fileWaitMs: 60_000 };

function messageOf(meta: ReturnType<typeof storeMeta>, offset = 0) {
  return received(Buffer.from(JSON.stringify(meta)), kafkaMetadata(meta.trace_id, offset));
}

const meta = (path: string, n: number) => storeMeta({ file_path: path, created_time: `2025-01-01T00:00:0${n}.000000` });
const ofType = (messages: readonly NewMessage[], type: string) =>
  messages.filter(({ metadata }) => metadata?.record_type === type);
const contents = (messages: readonly NewMessage[]) => messages.map(({ content }) => String(content));

describe('the processor group_dicom_state', () => {
  it('returns an object record per file, a state per series and an image per instance, with their keys', async () => {
    const processor = createGroupProcessor(createMemoryReader(), settings);
    const metas = [meta('/data/1.2/3/a', 1), meta('/data/1.2/3/b', 2), meta('/data/1.2/4/c', 3)];
    const output = await processor.processBatch(metas.map(messageOf), context);
    expect(contents(ofType(output, 'object'))).toEqual(metas.map((each) => JSON.stringify(each)));
    expect(ofType(output, 'object').map(({ metadata }) => metadata?.key)).toEqual(metas.map((each) => each.trace_id));
    expect(ofType(output, 'state').map(({ metadata }) => metadata?.key)).toEqual(['1.2/3', '1.2/4']);
    expect(ofType(output, 'image').map(({ metadata }) => metadata?.key)).toEqual(['1.2/3/a', '1.2/3/b', '1.2/4/c']);
    expect(output).toHaveLength(8);
    await processor.close?.();
  });

  it('returns a poison record byte for byte, with the headers of the Node engine as metadata', async () => {
    const failures = new Map<string, DicomReadErrorCode>([['/data/1/2/bad', 'not_dicom']]);
    const processor = createGroupProcessor(createMemoryReader({ failures }), settings);
    const values = [Buffer.from('{"trace_id": "\u00e9'), Buffer.from(JSON.stringify(meta('/data/1/2/bad', 1)))];
    const [first, second] = await processor.processBatch(
      values.map((value, n) => received(value, { ...kafkaMetadata('the key', n), trace: 'abc' })),
      context,
    );
    const origin = new KafkaOrigin({ topic: 'storage_queue', partition: 3, offset: 0 });
    const parsed = parseRecord(consumedRecord(values[0] ?? null, { origin }));
    if (parsed.kind !== 'poison') throw new Error('the record is not poison');
    const { headers = [] } = deadLetter('', parsed, originHeaders);
    expect(first?.content).toEqual(values[0]);
    expect(first?.metadata).toEqual({
      ...Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
      trace: 'abc',
      record_type: 'dead_letter',
      key: 'the key',
    });
    expect(second?.metadata).toMatchObject({
      '__streams.errors.code': 'not_dicom',
      '__streams.errors.offset': '1',
      record_type: 'dead_letter',
    });
    await processor.close?.();
  });

  it('answers below the 4 MiB of Redpanda Connect for any batch of redpanda.yaml with its commented byte_size', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../redpanda.yaml'), 'utf8').replace(
      '# byte_size',
      'byte_size',
    );
    const { count, byte_size: byteSize } = parse(text).input.redpanda.unordered_processing.batching;
    expect(byteSize).toBe(1_000_000);
    const header = 'x'.repeat(10_000);
    const value = (size: number, n: number) =>
      received(Buffer.alloc(size), { ...kafkaMetadata(header, n), __streams: header });
    // The last record of a batch may have any size that a broker accepts by default.
    const batch = Array.from({ length: count }, (_, n) =>
      n === count - 1 ? value(2 ** 20, n) : value(Math.floor((byteSize - 1) / (count - 1)), n),
    );
    const processor = createGroupProcessor(createMemoryReader(), settings);
    const output = await processor.processBatch(batch, context);
    expect(output).toHaveLength(count);
    expect(writeBatch(output, Writer.create()).finish().length).toBeLessThan(4 * 2 ** 20);
    await processor.close?.();
  });

  it('takes Kafka’s null value for one, and not an empty value', async () => {
    const processor = createGroupProcessor(createMemoryReader(), settings);
    const tombstone = { ...kafkaMetadata('', 0), kafka_tombstone_message: true };
    const output = await processor.processBatch(
      [received(Buffer.alloc(0), tombstone), received(Buffer.alloc(0), kafkaMetadata('', 1))],
      context,
    );
    expect(output.map(({ metadata }) => metadata?.['__streams.errors.code'])).toEqual(['null_value', 'not_json']);
    await processor.close?.();
  });

  it('waits for a missing file, and answers with the newest row of each key over all attempts', async () => {
    const failures = new Map<string, DicomReadErrorCode>([['/data/1/2/late', 'file_missing']]);
    const processor = createGroupProcessor(createMemoryReader({ failures }), settings);
    const [early, late] = [meta('/data/1/2/early', 1), meta('/data/1/2/late', 2)];
    let answered = false;
    const answer = processor.processBatch([messageOf(early), messageOf(late)], context).finally(() => {
      answered = true;
    });
    // Another batch is not held up.
    expect(
      ofType(await processor.processBatch([messageOf(meta('/data/5/6/other', 3))], context), 'image'),
    ).toHaveLength(1);
    await sleep(100);
    expect(answered).toBe(false);
    failures.clear();
    const output = await answer;
    expect(ofType(output, 'object')).toHaveLength(2);
    expect(ofType(output, 'image')).toHaveLength(2);
    expect(ofType(output, 'state')).toHaveLength(1);
    expect(ofType(output, 'dead_letter')).toHaveLength(0);
    await processor.close?.();
  });

  /** Two calls with a late file each, of the same series, whose files are read again together when `failures` is empty. */
  function twoLateCalls(onRead: (files: readonly FileToRead[], signal: AbortController) => void) {
    const failures = new Map<string, DicomReadErrorCode>([
      ['/data/1/2/older', 'file_missing'],
      ['/data/1/2/newer', 'file_missing'],
    ]);
    const memory = createMemoryReader({ failures });
    const newerCall = new AbortController();
    const reader = {
      ...memory,
      async read(files: readonly FileToRead[]) {
        onRead(files, newerCall);
        return await memory.read(files);
      },
    };
    const processor = createGroupProcessor(reader, settings);
    const older = processor.processBatch([messageOf(meta('/data/1/2/older', 1))], context);
    const newer = processor.processBatch([messageOf(meta('/data/1/2/newer', 2))], { signal: newerCall.signal });
    return { processor, failures, older, newer };
  }

  it('answers a call with its own state although a call with a newer one is retried with it and is then cancelled', async () => {
    let together = 0;
    const calls = twoLateCalls((files, newerCall) => {
      if (files.length < 2) return;
      together++;
      newerCall.abort();
    });
    calls.failures.clear();
    await expect(calls.newer).rejects.toThrow('the call was cancelled');
    const output = await calls.older;
    expect(together).toBe(1);
    expect(contents(ofType(output, 'state')).map((text) => JSON.parse(text).source_time)).toEqual([
      '2025-01-01T00:00:01.000000',
    ]);
    expect(ofType(output, 'image')).toHaveLength(1);
    await calls.processor.close?.();
  });

  it('answers a call with an error when its own state can’t be read again', async () => {
    let together = false;
    const calls = twoLateCalls((files) => {
      if (files.length === 2) together = true;
      else if (together) calls.failures.set('/data/1/2/older', 'file_missing');
    });
    calls.failures.clear();
    await expect(calls.older).rejects.toThrow("a file of the batch can't be read again");
    expect(ofType(await calls.newer, 'state')).toHaveLength(1);
    await calls.processor.close?.();
  });

  it('dead-letters a file that is still missing after file_wait', async () => {
    const failures = new Map<string, DicomReadErrorCode>([['/data/1/2/gone', 'file_missing']]);
    const processor = createGroupProcessor(createMemoryReader({ failures }), { ...settings, fileWaitMs: 300 });
    const output = await processor.processBatch(
      [messageOf(meta('/data/1/2/gone', 1)), messageOf(meta('/data/1/2/there', 2))],
      context,
    );
    expect(ofType(output, 'dead_letter')).toHaveLength(1);
    expect(ofType(output, 'image')).toHaveLength(1);
    await processor.close?.();
  });

  it('answers with an error and goes on when the reader fails, so that no record is taken for processed', async () => {
    let works = false;
    const memory = createMemoryReader();
    const reader = {
      ...memory,
      read: async (files: Parameters<typeof memory.read>[0]) => {
        if (!works) throw new Error('patient');
        return await memory.read(files);
      },
    };
    const processor = createGroupProcessor(reader, settings);
    const batch = [messageOf(meta('/data/1/2/a', 1))];
    await expect(processor.processBatch(batch, context)).rejects.toThrow(/^headers can't be read \(Error\)$/);
    works = true;
    expect(await processor.processBatch(batch, context)).toHaveLength(3);
    await processor.close?.();
  });

  it('gives up a batch that waits when its call is cancelled, and when the plugin closes', async () => {
    const failures = new Map<string, DicomReadErrorCode>([['/data/1/2/late', 'file_missing']]);
    const processor = createGroupProcessor(createMemoryReader({ failures }), settings);
    const cancelled = new AbortController();
    const batch = [messageOf(meta('/data/1/2/late', 1))];
    const first = processor.processBatch(batch, { signal: cancelled.signal });
    const second = processor.processBatch(batch, context);
    cancelled.abort();
    await expect(first).rejects.toThrow('the call was cancelled');
    await sleep(20);
    await processor.close?.();
    await expect(second).rejects.toThrow('the plugin is closing');
  });
});
