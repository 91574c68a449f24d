/** Prints the totals of a run. `totals`: one entry per seed, written by seeds.test.ts; `missing`: the seeds without an entry. */
export function printTotals(totals, missing, seconds) {
  const kinds = new Map();
  for (const title of totals.flatMap((line) => line.faults)) {
    const kind = title
      .replace(/, and meanwhile$/, '')
      .replace(/,? ?(for |of |after )?\d+ (ms|times|%|KB\/s)( down| per row)?/g, '')
      .trim();
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [kind, count] of [...kinds].sort((a, b) => b[1] - a[1]))
    console.log(`${String(count).padStart(6)}  ${kind}`);

  const failed = totals.filter((line) => !line.passed).sort((a, b) => a.seed - b.seed);
  for (const { seed } of failed) console.log(`seed ${seed} failed; again: npm run faults -- --seed ${seed}`);
  for (const seed of missing) console.log(`seed ${seed} did not finish; again: npm run faults -- --seed ${seed}`);
  const sum = (of) => totals.reduce((total, line) => total + of(line), 0);
  const figures = [
    `${totals.length} seeds`,
    `${sum((line) => line.faults.length)} faults`,
    `${sum((line) => line.records)} records`,
    `at most ${Math.max(0, ...totals.map((line) => line.peakRssMb))} MiB`,
    `${totals.length - failed.length} passed`,
    `${failed.length} failed`,
    `${missing.length} not run`,
    `${seconds} s`,
  ];
  console.log(`faults: ${figures.join(', ')}`);
}
