import fc from 'fast-check';
import { Subject, VirtualTimeScheduler } from 'rxjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { batchWhenIdle } from '../../src/operators/batch-when-idle.ts';

const COUNT = 5;
const PERIOD_MS = 1_000;

let clock: VirtualTimeScheduler;
let items$: Subject<number>;
let finished$: Subject<void>;
let batches: number[][];
let inFlight: number;

beforeEach(() => {
  clock = new VirtualTimeScheduler();
  items$ = new Subject();
  finished$ = new Subject();
  batches = [];
  inFlight = 0;
  items$
    .pipe(batchWhenIdle({ count: COUNT, periodMs: PERIOD_MS, inFlight: () => inFlight, finished$, scheduler: clock }))
    .subscribe((batch) => batches.push(batch));
});

function arrive(...items: number[]): void {
  for (const item of items) {
    inFlight++;
    items$.next(item);
  }
}

/** The oldest batch is acknowledged. */
function finish(batch: readonly number[]): void {
  inFlight -= batch.length;
  finished$.next();
}

/** Runs what is due within `ms`. */
function pass(ms: number): void {
  const { maxFrames } = clock;
  // The clock only advances to actions.
  clock.schedule(() => undefined, ms);
  clock.maxFrames = clock.frame + ms;
  clock.flush();
  clock.maxFrames = maxFrames;
}

describe('a batch', () => {
  it('is closed at once when nothing else is in flight, with everything that arrived together', () => {
    arrive(1, 2, 3);
    expect(batches).toEqual([]);
    pass(0);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('stays open while another is in flight, and is closed when that one is acknowledged', () => {
    arrive(1);
    pass(0);
    arrive(2);
    arrive(3);
    pass(500);
    expect(batches).toEqual([[1]]);
    finish([1]);
    pass(0);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('is closed at its count, whatever is in flight', () => {
    inFlight = 1_000;
    arrive(1, 2, 3, 4, 5, 6);
    pass(0);
    expect(batches).toEqual([[1, 2, 3, 4, 5]]);
  });

  it('is closed after its period, counted from its first item, whatever is in flight', () => {
    inFlight = 1_000;
    pass(700);
    arrive(1);
    pass(PERIOD_MS - 1);
    expect(batches).toEqual([]);
    pass(1);
    expect(batches).toEqual([[1]]);
  });

  it('is closed when the input completes', () => {
    inFlight = 1_000;
    arrive(1);
    items$.complete();
    expect(batches).toEqual([[1]]);
  });

  it('leaves no action of the scheduler behind, however many batches there were', () => {
    const scheduler = new VirtualTimeScheduler();
    const schedule = vi.spyOn(scheduler, 'schedule');
    items$
      .pipe(batchWhenIdle({ count: COUNT, periodMs: PERIOD_MS, inFlight: () => 0, finished$, scheduler }))
      .subscribe();
    for (let item = 0; item < 100; item++) {
      items$.next(item);
      scheduler.flush();
    }
    expect(schedule.mock.results).toHaveLength(200);
    expect(schedule.mock.results.filter(({ value }) => !value.closed).length).toBeLessThanOrEqual(1);
  });

  it('holds every item once and in order, whatever is acknowledged when', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('arrive', 'finish', 'wait'), { maxLength: 60 }), (steps) => {
        clock = new VirtualTimeScheduler();
        items$ = new Subject();
        finished$ = new Subject();
        batches = [];
        inFlight = 0;
        items$
          .pipe(
            batchWhenIdle({ count: COUNT, periodMs: PERIOD_MS, inFlight: () => inFlight, finished$, scheduler: clock }),
          )
          .subscribe((batch) => batches.push(batch));
        let item = 0;
        let done = 0;
        for (const step of steps) {
          if (step === 'arrive') arrive(++item);
          else if (step === 'wait') pass(PERIOD_MS);
          else if (done < batches.length) finish(batches[done++] ?? []);
        }
        pass(PERIOD_MS);
        expect(batches.flat()).toEqual(Array.from({ length: item }, (_, n) => n + 1));
        expect(batches.every(({ length }) => length > 0 && length <= COUNT)).toBe(true);
      }),
    );
  });
});
