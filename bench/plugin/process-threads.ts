/** CPU time of a process's threads, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time so far, in microseconds. */
export interface ThreadTimes {
  /** The thread that runs the event loop. */
  readonly main: number;
  /** Worker threads, and those of V8 and libuv. */
  readonly others: number;
}

/** Threads that have ended are not counted. */
export function threadTimes(pid: number): ThreadTimes {
  const times = readdirSync(`/proc/${pid}/task`).map((tid) => ({ tid: Number(tid), micros: microsOf(pid, tid) }));
  const main = times.find(({ tid }) => tid === pid)?.micros ?? 0;
  return { main, others: times.reduce((sum, { micros }) => sum + micros, -main) };
}

/** Nanoseconds on a CPU come first. Clock ticks, as in `stat`, would be too coarse for a pass of a second. */
function microsOf(pid: number, tid: string): number {
  try {
    const [nanos] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ');
    return Number(nanos) / 1_000;
  } catch {
    return 0;
  }
}
