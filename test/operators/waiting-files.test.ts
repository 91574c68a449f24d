import { firstValueFrom, lastValueFrom, toArray, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { compact, type FileToHold, fileOf, MOST, WaitingFiles } from '../../src/operators/waiting-files.ts';
import { consumedRecord } from '../../src/testing/consumed-record.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';

const waiting = (path: string): FileToHold => ({
  source: consumedRecord(Buffer.from(JSON.stringify(storeMeta({ file_path: path })))),
  reason: 'file_wait',
  isMissing: false,
  waitedMs: 250,
  closedAt: 0,
});

describe('waiting files', () => {
  it('of different batches are due together, none before its time, and at most 100 at once', async () => {
    const scheduler = new VirtualTimeScheduler();
    const files = new WaitingFiles(60_000, scheduler);
    const due: { at: number; count: number }[] = [];
    files.due$.subscribe(() => {
      while (files.due > 0) due.push({ at: scheduler.now(), count: files.take(MOST).length });
    });
    for (let i = 0; i < 150; i++) files.add(waiting(`/s1/a/${i}`), i % 2 === 0 ? 251 : 299);
    files.add(waiting('/s1/a/x'), 1_000);
    scheduler.flush();
    expect(due).toEqual([
      { at: 300, count: 100 },
      { at: 300, count: 50 },
      { at: 1_000, count: 1 },
    ]);
  });

  it.each([
    ['every 5 s', 10_000, 5_000],
    ['less often when tens of thousands wait', 40_000, 20_000],
  ])('are due %s', (_, count, longest) => {
    const scheduler = new VirtualTimeScheduler();
    const files = new WaitingFiles(60_000, scheduler);
    let due = 0;
    let lastAt = 0;
    files.due$.subscribe(() => {
      due += files.take(count).length;
      lastAt = scheduler.now();
    });
    // In two rounds: what is no longer held doesn't count.
    for (const round of [1, 2]) {
      const from = scheduler.now();
      for (let i = 0; i < count; i++) files.hold({ ...waiting('/s1/a/1'), waitedMs: 30_000 });
      scheduler.flush();
      expect(due).toBe(count * round);
      expect(lastAt - from).toBe(longest);
    }
  });

  it.each([
    ['are missing below another root', { isMissing: true, root: 0 }],
    ['wait for a lost storage', { reason: 'storage_outage' as const }],
  ])('are due every 5 s while tens of thousands of others %s', (_, others) => {
    const scheduler = new VirtualTimeScheduler();
    const files = new WaitingFiles(60_000, scheduler);
    let dueAt = 0;
    files.lookups$.subscribe((root) => {
      if (root === 1) dueAt = scheduler.now();
    });
    files.due$.subscribe();
    for (let i = 0; i < 40_000; i++) files.hold({ ...waiting('/s1/a/1'), waitedMs: 30_000, ...others });
    files.hold({ ...waiting('/s2/a/1'), waitedMs: 30_000, isMissing: true, root: 1 });
    scheduler.flush();
    expect(dueAt).toBe(5_000);
  });

  it('are due every 5 s again after those of a revoked partition are dropped', () => {
    const scheduler = new VirtualTimeScheduler();
    const files = new WaitingFiles(60_000, scheduler);
    const dueAt: number[] = [];
    files.due$.subscribe(() => {
      if (files.take(1).length > 0) dueAt.push(scheduler.now());
    });
    const revoked = { ...waiting('/s1/a/1'), waitedMs: 30_000 };
    for (let i = 0; i < 40_000; i++) files.hold(revoked);
    const own = { ...waiting('/s1/a/2'), waitedMs: 30_000 };
    files.hold(own);
    expect(files.keep(({ source }) => source === own.source)).toBe(40_000);
    files.hold(own);
    scheduler.flush();
    // The first one was held when the others still were.
    expect(dueAt).toEqual([5_000, 20_000]);
  });

  it('are returned at the end, after which none is held or due', async () => {
    const scheduler = new VirtualTimeScheduler();
    const files = new WaitingFiles(60_000, scheduler);
    const due = lastValueFrom(files.due$.pipe(toArray()));
    const one = waiting('/s1/a/1');
    expect(files.add(one, 250)).toBe(true);
    expect(files.end()).toEqual([{ ...one, dueAt: 250 }]);
    expect(files.add(one, 250)).toBe(false);
    scheduler.flush();
    expect(await due).toEqual([]);
  });

  it('have not waited longer when the system clock jumps', async () => {
    const files = new WaitingFiles(60_000);
    let due = 0;
    files.due$.subscribe(() => due++);
    const looked = firstValueFrom(files.lookups$);
    files.add({ ...waiting('/s1/a/1'), isMissing: true }, 1);
    await looked;
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
    files.lookedUp(files.takeLookups(undefined, 1), [true]);
    clock.mockRestore();
    expect(files.end().map(({ waitedMs }) => waitedMs < 60_000)).toEqual([true]);
    expect(due).toBe(0);
  });

  it('are parsed again from the same bytes, under the same origin', () => {
    const { source, ...rest } = waiting('/s1/a/1');
    const [one, other] = compact([
      { ...source, key: Buffer.from('k') },
      { ...source, key: null, value: null },
    ]);
    if (one === undefined) throw new Error('nothing is left of the record');
    const again = fileOf({ source: one, dueAt: 0, ...rest });
    expect(again.path).toBe('/s1/a/1');
    expect(again.source.origin).toBe(source.origin);
    expect([again.source.key, again.source.value]).toEqual([Buffer.from('k'), source.value]);
    expect(other).toMatchObject({ key: null, value: null });
    // Nothing else is kept in memory with them.
    expect(one.value?.buffer.byteLength).toBe(1 + (source.value?.length ?? 0));
  });
});
