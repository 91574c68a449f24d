// Measures one reader on one thread, for bench/header.ts: header-one.mjs READER ROOT KINDS ROUNDS prints
// {kind: {cpuUs, perSecond} | null}; null where the reader can't read a file of that kind.
import { readFileSync } from 'node:fs';
import { READERS } from './header-readers.mjs';

const [name, root, kindsFile, rounds] = process.argv.slice(2);
const kinds = JSON.parse(readFileSync(kindsFile, 'utf8'));
const read = await READERS[name](root);
const MEASURE_MS = 400;
// Long enough for the code to be optimised and the files to be in the page cache.
const WARM_UP_MS = 2_000;

const readable = Object.entries(kinds).filter(([, paths]) => readsAll(paths));
const warm = performance.now();
while (performance.now() - warm < WARM_UP_MS) for (const [, paths] of readable) readsAll(paths);

const figures = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, null]));
for (const [kind, paths] of readable) {
  let best = Number.POSITIVE_INFINITY;
  let perSecond = 0;
  for (let round = 0; round < Number(rounds); round++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    let files = 0;
    while (performance.now() - start < MEASURE_MS) {
      for (const path of paths) read(path);
      files += paths.length;
    }
    const milliseconds = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const cpuUs = (user + system) / files;
    if (cpuUs < best) [best, perSecond] = [cpuUs, Math.round((files / milliseconds) * 1000)];
  }
  figures[kind] = { cpuUs: best, perSecond };
}
console.log(JSON.stringify(figures));

function readsAll(paths) {
  try {
    for (const path of paths) read(path);
    return true;
  } catch {
    return false;
  }
}
