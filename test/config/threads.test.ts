import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { settingsOf } from '../../topology/outline.ts';
import { lintText, minimalWith, writeText } from './fixture.ts';

const withThreads = (threads: string) => minimalWith(['pipeline:\n', `pipeline:\n  threads: ${threads}\n`]);

/** The number of batches whose headers the topology reads concurrently. */
function concurrency(text: string, env: Record<string, string> = {}): number {
  return settingsOf(loadConfig(writeText(text), { env }), () => 0).concurrency;
}

describe('pipeline.threads', () => {
  it.each([
    ['1', 1],
    ['7', 7],
    ['40', 40],
  ])('%s limits the batches whose headers are read concurrently', (threads, batches) => {
    expect(concurrency(withThreads(threads))).toBe(batches);
  });

  it('may be a variable', () => {
    expect(concurrency(withThreads(`\${THREADS:5}`), { THREADS: '8' })).toBe(8);
  });

  it('changes nothing at -1, its default', () => {
    expect(concurrency(withThreads('-1'))).toBe(40);
    expect(concurrency(minimalWith())).toBe(40);
  });

  it.each([
    ['-1', 400],
    ['100', 100],
    ['1000', 400],
  ])('%s and a concurrency of 400 allow %i batches: the lower of the two counts', (threads, batches) => {
    const text = withThreads(threads).replace('[/data]', '[/data]\n        concurrency: 400');
    expect(concurrency(text)).toBe(batches);
  });

  it.each(['0', '-2', '1.5', '-1.5', '"4"', 'many', '.inf', '[4]', ''])('%s is an error', (threads) => {
    expect(lintText(withThreads(threads))).toEqual([
      '9:12 pipeline.threads: expected a whole number of at least 1, or -1, without quotes',
    ]);
  });
});
