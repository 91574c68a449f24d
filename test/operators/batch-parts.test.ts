import { lastValueFrom, Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { partsOf, separateParts } from '../../src/operators/batch-parts.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { GroupedBatch, Origin } from '../../src/records/records.ts';
import { RefusedOutputs } from '../../src/records/refusals.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';

/** Two images of one series. Only the first, which is newer, has the row of the series. */
const oneSeries = () =>
  batchOf([
    { series_uid: '1.2', sop_uid: '1.2.1', created_time: '2026-01-01T00:00:02' },
    { series_uid: '1.2', sop_uid: '1.2.2', created_time: '2026-01-01T00:00:01' },
  ]);

/**
 * Commits a batch. The record at `first` is admitted alone, the others after it. The topic refuses the state of the newer record. Returns
 * the positions of the records whose states are published, and of those that are dead-lettered.
 */
async function commit(batch: GroupedBatch, first: number) {
  const states: number[] = [];
  const dead: number[] = [];
  const committed = new Set<Origin>();
  const [newer] = batch.grouped;
  const positionOf = (origin: Origin) => batch.origins.indexOf(origin);
  const admit = (origins: readonly Origin[]) => {
    const now = origins.filter((origin) => positionOf(origin) === first || committed.size > 0);
    return { now: new Set(now), later: new Set(origins.filter((origin) => !now.includes(origin))) };
  };
  const transact = async (batches: readonly GroupedBatch[]) => {
    const published = batches.flatMap(({ grouped }) => grouped).filter(({ state }) => state !== null);
    const refused = published.find(({ file }) => file === newer?.file);
    if (refused !== undefined) {
      const error = new SinkError('state_topic', 'rejected', 'ERR_MSG_SIZE_TOO_LARGE');
      throw new RefusedOutputs('transaction', [{ kind: 'poison', source: refused.file.source, error }]);
    }
    for (const origin of batches.flatMap(({ origins }) => origins)) committed.add(origin);
    states.push(...published.map(({ file }) => positionOf(file.source.origin)));
    dead.push(...batches.flatMap(({ poison }) => poison.map(({ source }) => positionOf(source.origin))));
    return [];
  };
  const batches$ = new Subject<GroupedBatch>();
  const done = lastValueFrom(
    batches$.pipe(commitTogether({ name: 'transaction', commit: transact, admit }, DEFAULT_RETRY), toArray()),
  );
  batches$.next(batch);
  await expect.poll(() => committed.size).toBe(batch.origins.length);
  batches$.complete();
  await done;
  return { states, dead };
}

describe('a batch that is divided between two transactions', () => {
  it('publishes the older state of a series when the newer one is refused in the second transaction', async () => {
    expect(await commit(oneSeries(), 1)).toEqual({ states: [1], dead: [0] });
  });

  it('publishes the older state of a series when the newer one is refused in the first transaction', async () => {
    expect(await commit(oneSeries(), 0)).toEqual({ states: [1], dead: [0] });
  });

  it('publishes the older state of a series when the newer one belongs to a revoked partition', async () => {
    const batch = oneSeries();
    const [part] = await separateParts([batch], (origin) => origin === batch.origins[1]);
    expect(part?.grouped.map(({ state }) => state?.identity)).toEqual([batch.grouped[0]?.state?.identity]);
  });

  it('reads no file again when each part has all its rows', async () => {
    const batch = batchOf([
      { series_uid: '1.2', sop_uid: '1' },
      { series_uid: '1.3', sop_uid: '2' },
    ]);
    const withAllRows = () => Promise.reject(new Error('read again'));
    const [part] = await separateParts([{ ...batch, withAllRows }], (origin) => origin === batch.origins[1]);
    expect(part?.grouped).toEqual([batch.grouped[1]]);
  });

  it('stays as it is while all of it is in the same part, however often it is divided', () => {
    const batch = oneSeries();
    const [part] = partsOf([batch], () => true);
    expect(part).toBe(batch);
  });
});
