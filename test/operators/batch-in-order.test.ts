import fc from 'fast-check';
import { Subject, VirtualTimeScheduler } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { batchInOrder } from '../../src/operators/batch-in-order.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const COUNT = 3;

let clock: VirtualTimeScheduler;
let items$: Subject<number>;
let finished$: Subject<void>;
let batches: number[][];
let inFlight: number;
let revoked: Set<number>;
let completed: boolean;

beforeEach(() => {
  clock = new VirtualTimeScheduler();
  items$ = new Subject();
  finished$ = new Subject();
  batches = [];
  inFlight = 0;
  revoked = new Set();
  completed = false;
  items$
    .pipe(
      batchInOrder({
        count: COUNT,
        inFlight: () => inFlight,
        finished$,
        isWanted: (item) => !revoked.has(item),
        scheduler: clock,
      }),
    )
    .subscribe({
      next: (batch) => batches.push(batch),
      complete: () => {
        completed = true;
      },
    });
});

function arrive(...items: number[]): void {
  for (const item of items) {
    inFlight++;
    items$.next(item);
  }
}

function finish(batch: readonly number[]): void {
  inFlight -= batch.length;
  finished$.next();
}

/** Runs what is due within `ms`. */
function pass(ms = 0): void {
  const { maxFrames } = clock;
  clock.schedule(() => undefined, ms);
  clock.maxFrames = clock.frame + ms;
  clock.flush();
  clock.maxFrames = maxFrames;
}

describe('a batch of ordered processing', () => {
  it('starts at once when nothing is in flight, with everything that arrived together', () => {
    arrive(1, 2);
    expect(batches).toEqual([]);
    pass();
    expect(batches).toEqual([[1, 2]]);
  });

  it('starts after the last one has finished, however many wait', () => {
    arrive(1);
    pass();
    arrive(2, 3, 4, 5, 6);
    pass(60_000);
    expect(batches).toEqual([[1]]);
    finish([1]);
    pass();
    expect(batches).toEqual([[1], [2, 3, 4]]);
  });

  it('starts also when items have finished without an event', () => {
    arrive(1);
    pass();
    arrive(2);
    pass();
    inFlight--;
    pass(1_000);
    expect(batches).toEqual([[1], [2]]);
  });

  it('holds no item whose partition was revoked, and these do not count as idle', () => {
    arrive(1);
    pass();
    arrive(2, 3);
    revoked.add(3);
    inFlight--;
    pass(1_000);
    expect(batches).toEqual([[1]]);
    finish([1]);
    pass();
    expect(batches).toEqual([[1], [2]]);
  });

  it('is the last one when the input has ended, which completes after all batches have started', () => {
    arrive(1);
    pass();
    arrive(2, 3, 4, 5);
    items$.complete();
    pass(1_000);
    expect([batches, completed]).toEqual([[[1]], false]);
    finish([1]);
    pass();
    finish([2, 3, 4]);
    pass();
    expect([batches, completed]).toEqual([[[1], [2, 3, 4], [5]], true]);
  });

  it('never overlaps another, and none is lost or moved, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('finish' as const), fc.integer({ min: 1, max: 9 }))), (events) => {
        const arrived: number[] = [];
        const seen: number[] = [];
        let running: number[] = [];
        let overlaps = false;
        let unfinished = 0;
        const source$ = new Subject<number>();
        const done$ = new Subject<void>();
        const time = new VirtualTimeScheduler();
        const run = () => {
          time.maxFrames = time.frame + 1_000;
          time.flush();
        };
        source$
          .pipe(
            batchInOrder({
              count: COUNT,
              inFlight: () => unfinished,
              finished$: done$,
              isWanted: () => true,
              scheduler: time,
            }),
          )
          .subscribe((batch) => {
            overlaps ||= running.length > 0 || batch.length > COUNT;
            running = batch;
            seen.push(...batch);
          });
        const end = () => {
          unfinished -= running.length;
          running = [];
          done$.next();
          run();
        };
        for (const event of events) {
          if (event === 'finish') end();
          else
            for (let each = 0; each < event; each++) {
              arrived.push(arrived.length);
              unfinished++;
              source$.next(arrived.length - 1);
            }
          run();
        }
        for (let each = 0; each < arrived.length && unfinished > 0; each++) end();
        expect(overlaps).toBe(false);
        expect(seen).toEqual(arrived);
      }),
    );
  });
});

describe('the topology with unordered_processing switched off', () => {
  const published = (driver: TopologyTestDriver) => driver.published('dicom_image_queue').map(({ key }) => String(key));

  it.each([
    ['in the order of the records', true, []],
    ['as soon as its batch is read without that', false, [5, 6]],
  ])('publishes a record %s when an earlier batch takes longer', async (_, inOrder, before) => {
    const driver = new TopologyTestDriver({ inOrder, batchCount: 2, batchPeriodMs: 10 });
    driver.hold('reader', 1);
    const keys = [1, 2, 3, 4, 5, 6].map((each) => `1.2.3.1.${each}`);
    const records = keys.map((sop) => storeMeta({ sop_uid: sop, file_path: `/data/1.2.3/1.2.3.1/${sop}` }));
    await driver.createInputTopic().pipeValues(records);
    await driver.advanceTime(100);
    const at = (numbers: readonly number[]) => numbers.map((each) => expect.stringContaining(keys[each - 1] ?? ''));
    expect(published(driver).slice(-2)).toEqual(at(before));
    await driver.release('reader');
    for (let each = 0; each < 5; each++) await driver.advanceTime(1_000);
    expect(published(driver)).toHaveLength(6);
    if (inOrder) expect(published(driver)).toEqual(at([1, 2, 3, 4, 5, 6]));
    expect(driver.committed()).toBe(6);
  });
});
