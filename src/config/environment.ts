/** The only module that reads process.env. Everything else receives an Environment. */

export type Environment = Readonly<Record<string, string | undefined>>;

export function readEnvironment(): Environment {
  return process.env;
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
