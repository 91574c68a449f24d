#!/usr/bin/env node
/**
 * Reads millions of damaged DICOM files and prints the outcomes. src/testing/dicom-fuzz.ts has the invariants. Needs a build.
 *
 *   node scripts/fuzz-dicom.mjs [--mutants 1000000] [--seed 1] [--from 0]
 *
 * The same seed makes the same files. Exit code 1 after a violation; `--from NUMBER --mutants 1` with the same seed repeats it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dicomCorpus } from '../dist/src/testing/dicom-corpus.js';
import { fuzzHeaders } from '../dist/src/testing/dicom-fuzz.js';

const { values } = parseArgs({
  options: {
    mutants: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  },
});
const [mutants, seed, from] = [values.mutants, values.seed, values.from].map(Number);
const STEP = 10_000;
const STEPS_A_LINE = 25;
// CPU a file; the slowest, with 100,000 odd elements, takes half of it.
const LIMIT_MS = 50;

const folder = join(import.meta.dirname, '../test/fixtures/dicom/files');
const fixtures = readdirSync(folder)
  .sort()
  .map((name) => readFileSync(join(folder, name)))
  .filter(({ length }) => length > 8 && length < 30_000);
const corpus = [...dicomCorpus().values(), ...fixtures];

const megabytes = () => Math.round(process.memoryUsage.rss() / 1e6);
const outcomes = {};
let slowest = 0;
let bad = 0;
let settled = 0;
const began = performance.now();
console.log(`seed ${seed}, mutants ${from} to ${from + mutants - 1}, from ${corpus.length} files`);
for (let at = from; at < from + mutants; at += STEP) {
  const count = Math.min(STEP, from + mutants - at);
  const report = fuzzHeaders({ corpus, seed, from: at, count, limitMs: LIMIT_MS });
  for (const [outcome, times] of Object.entries(report.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + times;
  slowest = Math.max(slowest, report.slowestMs);
  bad += report.violations.length;
  for (const { number, what } of report.violations.slice(0, 10)) console.log(`mutant ${number}: ${what}`);
  // zlib frees the memory of a broken stream in a later turn of the event loop.
  await setImmediate();
  const read = at + count - from;
  // The heap has reached its size after the first steps.
  if (read === STEP * STEPS_A_LINE) settled = megabytes();
  if (read % (STEP * STEPS_A_LINE) > 0 && read < mutants) continue;
  const perSecond = Math.round(read / ((performance.now() - began) / 1000));
  console.log(
    `${read} read, ${perSecond}/s, slowest ${slowest.toFixed(1)} ms, RSS ${megabytes()} MB, ${bad} violations`,
  );
}
console.log(Object.fromEntries(Object.entries(outcomes).sort(([, a], [, b]) => b - a)));
if (settled > 0) console.log(`RSS ${settled} MB after the first steps, ${megabytes()} MB at the end`);
if (bad > 0) process.exitCode = 1;
