/** The only module that reads process.env. Everything else receives an Environment. */

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export function readEnvironment(): Environment {
  return process.env;
}

/** Sets a variable that is not set, for a library that has no other way to be configured. */
export function setDefaultVariable(name: string, value: string): void {
  process.env[name] ??= value;
}

/** Threads of libuv's pool that stay free for Kafka's waiting calls, name lookups and checks of storage roots. */
const THREADS_NOT_FOR_FILES = 16;
/** libuv's default. */
const DEFAULT_THREADS = 4;

/** The number of files that can be read at the same time in libuv's threads, by UV_THREADPOOL_SIZE: `wanted` at most. */
export function readsThatFit(wanted: number, environment: Environment = readEnvironment()): number {
  const size = threadsOf(environment);
  // Of a small pool, files get half.
  return Math.min(wanted, Math.max(1, Math.floor(size / 2), size - THREADS_NOT_FOR_FILES));
}

/** The number of storage roots whose checks may be pending at the same time: half of the threads that aren't for files, at least 2. */
export function rootChecksThatFit(environment: Environment = readEnvironment()): number {
  return threadsOf(environment) >= 2 * THREADS_NOT_FOR_FILES ? THREADS_NOT_FOR_FILES / 2 : 2;
}

/** The size of libuv's pool. */
function threadsOf({ UV_THREADPOOL_SIZE }: Environment): number {
  const threads = Number(UV_THREADPOOL_SIZE);
  return Number.isInteger(threads) && threads > 0 ? threads : DEFAULT_THREADS;
}

/** What a terminal program may do to its output. */
export interface TerminalTraits {
  /** Colours are welcome. */
  readonly color: boolean;
  /** Lines may be redrawn: a progress bar, not a line per step. */
  readonly animate: boolean;
}

/**
 * Reads NO_COLOR and FORCE_COLOR (no-color.org, force-color.org), CI and TERM.
 * `isTerminal` is the `isTTY` of the stream that is written to.
 */
export function readTerminalTraits(isTerminal: boolean, environment: Environment = readEnvironment()): TerminalTraits {
  const isSet = (name: string) => (environment[name] ?? '') !== '';
  const dumb = environment.TERM === 'dumb';
  const quiet = isSet('CI') && environment.CI !== 'false';
  const forced = isSet('FORCE_COLOR') && environment.FORCE_COLOR !== '0';
  return {
    color: !isSet('NO_COLOR') && (forced || (isTerminal && !dumb && !quiet && environment.FORCE_COLOR !== '0')),
    animate: isTerminal && !dumb && !quiet,
  };
}
