/** Feeds mutants to the header reader and checks invariants. */

import { MemoryReader } from './dicom-memory.ts';
import { mutant } from './dicom-mutants.ts';

export interface FuzzOptions {
  /** Valid files to mutate. */
  readonly corpus: readonly Buffer[];
  readonly seed: number;
  /** Number of the first mutant. */
  readonly from: number;
  readonly count: number;
  /** Milliseconds of CPU that reading one mutant may take. */
  readonly limitMs: number;
}

export interface FuzzReport {
  /** The number of mutants per outcome: `ok` or an error's text. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** Violated invariants with the mutant's number. Repeat one with `from` and `count: 1`. */
  readonly violations: readonly { readonly number: number; readonly what: string }[];
}

const CANARY = 'CANARY';
// Every n-th mutant is read a second time, through windows so small that every resume path is taken.
const COMPARE_EVERY = 8;
const SMALL_WINDOWS = { first: 150, next: 40 };

/** Pure: reads no file and uses no random numbers of its own. */
export function fuzzHeaders({ corpus, seed, from, count, limitMs }: FuzzOptions): FuzzReport {
  const outcomes: Record<string, number> = {};
  const violations: { number: number; what: string }[] = [];
  const reader = new MemoryReader();
  const resuming = new MemoryReader(SMALL_WINDOWS);
  const soiled = Buffer.alloc(reader.window.length, CANARY);
  let slowestMs = 0;
  for (let number = from; number < from + count; number++) {
    const bytes = mutant(corpus, seed, number);
    const violate = (what: string) => violations.push({ number, what });
    // Neither the window's earlier content nor what follows the end of the file may appear.
    soiled.copy(reader.window);
    try {
      const start = performance.now();
      const { error, state, image } = reader.read(bytes);
      const took = performance.now() - start;
      const outcome = error?.message ?? 'ok';
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (state.includes(CANARY) || image.includes(CANARY)) violate('a value from outside the file');
      const spent = took > limitMs ? leastCpuMs(5, () => reader.read(bytes)) : took;
      if (spent > limitMs) violate(`took ${spent.toFixed(1)} ms`);
      slowestMs = Math.max(slowestMs, spent);
      if (number % COMPARE_EVERY !== 0) continue;
      const again = resuming.read(bytes);
      if (again.error?.message !== error?.message || again.state !== state || again.image !== image) {
        violate(`${outcome} in one window, ${again.error?.message ?? 'ok'} in small ones`);
      }
      if (error === undefined) JSON.parse(`[${state},${image}]`);
    } catch (error) {
      violate(`threw ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  return { outcomes, slowestMs, violations };
}

// Other load may slow down a run: the minimum CPU time of several runs counts.
function leastCpuMs(runs: number, run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let each = 0; each < runs; each++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
