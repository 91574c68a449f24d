import { readdirSync, readFileSync } from 'node:fs';

/** One process of a tree. */
export interface TreeProcess {
  readonly pid: number;
  readonly command: string;
  /** CPU time so far, with that of its ended children, in seconds. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
/** Positions behind the command in /proc/PID/stat. */
const PARENT = 1;
const TIMES = [11, 12, 13, 14] as const;
const RSS = 21;

/** A process and all below it, from /proc. Empty when it has ended. */
export function processTree(root: number): readonly TreeProcess[] {
  const stats = new Map(
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
      .flatMap((pid) => {
        const fields = statOf(pid);
        return fields === undefined ? [] : [[pid, fields] as const];
      }),
  );
  const below = (pid: number): readonly number[] => [
    pid,
    ...[...stats].filter(([, fields]) => Number(fields[PARENT]) === pid).flatMap(([child]) => below(child)),
  ];
  return below(root).flatMap((pid) => {
    const fields = stats.get(pid);
    if (fields === undefined) return [];
    const ticks = TIMES.reduce((sum, at) => sum + Number(fields[at]), 0);
    const rssMb = (Number(fields[RSS]) * PAGE_BYTES) / 2 ** 20;
    return [{ pid, command: commandOf(pid), cpuSeconds: ticks / TICKS_PER_SECOND, rssMb }];
  });
}

function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
