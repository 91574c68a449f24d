/** Adds up the test results in a log: the summary lines of vitest and image-test. Prints `passed failed skipped`. */
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const totals = { passed: 0, failed: 0, skipped: 0 };
for (const line of stripVTControlCharacters(readFileSync(process.argv[2], 'utf8')).split('\n')) {
  const results = /^ +Tests {2}(.+) \(\d+\)$/.exec(line)?.[1] ?? /^image-test: (.+)$/.exec(line)?.[1];
  for (const [, count, kind] of (results ?? '').matchAll(/(\d+) (passed|failed|skipped)/g))
    totals[kind] += Number(count);
}
console.log(totals.passed, totals.failed, totals.skipped);
