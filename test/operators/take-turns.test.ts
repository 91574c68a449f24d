import { Subject, type Subscription } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { takeTurns } from '../../src/operators/take-turns.ts';

let running: Subscription | undefined;
const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp(concurrency: number) {
  const items$ = new Subject<string>();
  const ready$ = new Subject<void>();
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const state = { pulled: 0, room: Number.POSITIVE_INFINITY, completed: false, failed: false };
  const begin = (name: string) => {
    started.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  running = takeTurns(
    items$,
    begin,
    {
      ready$,
      hasWork: () => state.pulled > 0,
      start() {
        if (state.pulled === 0 || state.room === 0) return undefined;
        state.pulled--;
        return begin('pulled');
      },
      periodMs: 1,
    },
    { concurrency },
  ).subscribe({
    error: () => {
      state.failed = true;
    },
    complete: () => {
      state.completed = true;
    },
  });
  const end = async () => {
    ends.shift()?.();
    await settle();
  };
  return { items$, ready$, started, state, end };
}

afterEach(() => running?.unsubscribe());

describe('items and pulled work', () => {
  it('take turns, and run together at most as often as the concurrency says', async () => {
    const { items$, ready$, started, state, end } = setUp(2);
    state.pulled = 3;
    ready$.next();
    for (const item of ['a', 'b', 'c']) items$.next(item);
    expect(started).toEqual(['pulled', 'pulled']);
    for (let i = 0; i < 4; i++) await end();
    expect(started).toEqual(['pulled', 'pulled', 'a', 'pulled', 'b', 'c']);
  });

  it('don’t delay each other while one of them has no room', async () => {
    const { items$, ready$, started, state, end } = setUp(1);
    state.pulled = 1;
    state.room = 0;
    ready$.next();
    for (const item of ['a', 'b']) items$.next(item);
    await end();
    await end();
    expect(started).toEqual(['a', 'b']);
    state.room = 1;
    await expect.poll(() => started).toEqual(['a', 'b', 'pulled']);
  });

  it('complete with the items and what runs, without the pulled work that is left', async () => {
    const { items$, ready$, started, state, end } = setUp(1);
    for (const item of ['a', 'b']) items$.next(item);
    state.pulled = 1;
    ready$.next();
    items$.complete();
    await end();
    expect(state.completed).toBe(false);
    await end();
    expect([state.completed, started]).toEqual([true, ['a', 'b']]);
  });
});
