import { describe, expect } from 'vitest';
import { type GeneratedStudy, generateStudies, type Stack } from 'wado-consumer/testing';
import { stackTest } from 'wado-consumer/testing/vitest';
import { SeriesList } from './series-list.ts';

const it = stackTest({ broker: 'embedded', database: 'pglite' });

function studies(stack: Stack, count: number): readonly GeneratedStudy[] {
  const all = generateStudies({ seed: 1, store: stack.store, tenantId: 'clinic', origin: 'TEST' });
  return Array.from({ length: count }, () => all.next().value);
}

const seriesOf = (all: readonly GeneratedStudy[]) => all.reduce((sum, { series }) => sum + series, 0);

describe('the list of series', () => {
  it('holds every series, also after the broker was killed', { timeout: 120_000 }, async ({ stack }) => {
    const all = studies(stack, 6);
    await using list = await SeriesList.start({ brokers: stack.brokers, topic: stack.topics.state, group: 'list' });
    await stack.publish(...all.slice(0, 3));
    await expect.poll(() => list.size, { timeout: 30_000 }).toBe(seriesOf(all.slice(0, 3)));

    await stack.kill('broker');
    await stack.restart('broker');
    await stack.publish(...all.slice(3));

    await expect.poll(() => list.size, { timeout: 60_000 }).toBe(seriesOf(all));
    const [row] = await stack.rows('state');
    expect(list.modality(String(row?.series_uid))).toBe(row?.modality);
  });
});
