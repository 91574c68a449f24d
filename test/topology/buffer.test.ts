import fc from 'fast-check';
import { NEVER, Subject, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ConsumedRecord } from '../../src/records/records.ts';
import { consumedRecord } from '../../src/testing/consumed-record.ts';
import { type BufferOptions, bufferOperator } from '../../topology/buffer.ts';

const BATCH_COUNT = 50;
const BATCH_BYTES = 1_000;

interface Item {
  readonly source: ConsumedRecord;
}

/** The sizes of the values in each batch, and what `onBatch` was called with. */
function batchesOf(sizes: readonly (number | null)[], options: Partial<BufferOptions>) {
  const clock = new VirtualTimeScheduler();
  const closed: (readonly [records: number, bySize: boolean])[] = [];
  const batches: number[][] = [];
  const items$ = new Subject<Item>();
  const finished$ = new Subject<void>();
  let unfinished = 0;
  const waiting = {
    revoked$: NEVER,
    isWanted: () => true,
    waits: () => undefined,
    resumable: (due: number) => due,
    resumes: () => undefined,
  };
  const inFlight = () => unfinished;
  const { operator } = bufferOperator<Item>(
    {
      batchCount: BATCH_COUNT,
      batchBytes: BATCH_BYTES,
      batchPeriodMs: 1_000,
      onBatch: (...call) => closed.push(call),
      scheduler: clock,
      ...(options.inOrder === undefined ? {} : { inOrder: inFlight }),
      ...(options.flushWhenIdle === undefined ? {} : { flushWhenIdle: inFlight }),
    },
    waiting,
    finished$,
  );
  items$.pipe(operator).subscribe((batch) => {
    batches.push(batch.map(({ source }) => source.value?.length ?? 0));
    unfinished -= batch.length;
    clock.schedule(() => finished$.next());
  });
  for (const size of sizes) {
    unfinished++;
    items$.next({ source: consumedRecord(size === null ? null : Buffer.alloc(size)) });
  }
  items$.complete();
  clock.flush();
  return { batches, closed };
}

/** As Redpanda Connect divides: a batch is complete with the record that reaches a limit. */
function expectedBatches(sizes: readonly number[]): number[][] {
  const batches: number[][] = [];
  let open: number[] = [];
  for (const size of sizes) {
    open.push(size);
    if (open.length < BATCH_COUNT && open.reduce((sum, each) => sum + each, 0) < BATCH_BYTES) continue;
    batches.push(open);
    open = [];
  }
  return open.length > 0 ? [...batches, open] : batches;
}

const MODES: readonly (readonly [string, Partial<BufferOptions>])[] = [
  ['with a period', {}],
  ['with flush_when_idle', { flushWhenIdle: () => 0 }],
  ['in order', { inOrder: () => 0 }],
];

describe.each(MODES)('a batch with byte_size, %s,', (_, options) => {
  it('is complete with the record that reaches its count or size, whatever the sizes are', () => {
    const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(400), fc.constant(2_000), fc.constant(null)), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(sizes, (values) => {
        expect(batchesOf(values, options).batches).toEqual(expectedBatches(values.map((size) => size ?? 0)));
      }),
    );
  });

  it('says whether its size closed it', () => {
    const sizes = [400, 599, 1, ...new Array<number>(BATCH_COUNT - 1).fill(0), 1_000, 999];
    expect(batchesOf(sizes, options).closed).toEqual([
      [3, true],
      [BATCH_COUNT, false],
      [1, false],
    ]);
  });
});

describe('the buffer of the topology', () => {
  const nameOf = (options: Partial<BufferOptions>) => {
    const waiting = {
      revoked$: NEVER,
      isWanted: () => true,
      waits: () => undefined,
      resumable: (due: number) => due,
      resumes: () => undefined,
    };
    return bufferOperator<Item>({ batchCount: 50, batchPeriodMs: 5_000, ...options }, waiting, NEVER).name;
  };

  it('is bufferTime, unless batches also close by size', () => {
    expect(nameOf({})).toBe('buffer_time');
    expect(nameOf({ batchBytes: 1 })).toBe('batch_by_size');
  });
});
