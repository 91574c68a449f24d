const FIRST = ['time', 'level', 'msg'] as const;
/** Redpanda Connect's name of a level, where it isn't pino's. */
const LEVELS: Readonly<Record<string, string>> = { warn: 'warning' };
const PLAIN = /^[\w./@^+-]+$/;

/**
 * A log line of JSON as Redpanda Connect's `logger.format: logfmt` prints it: `time`, `level` and `msg`, then the other fields by name.
 * Values with other characters than letters, digits and `-._/@^+` are quoted; objects are JSON.
 */
export function toLogfmt(line: string): string {
  const { time, level, msg, ...others } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const first = [time, LEVELS[String(level)] ?? level, msg].flatMap((value, index) =>
    value === undefined ? [] : [field(FIRST[index] ?? '', value)],
  );
  const rest = Object.keys(others).sort();
  return `${[...first, ...rest.map((name) => field(name, others[name]))].join(' ')}\n`;
}

function field(name: string, value: unknown): string {
  const written = typeof value === 'string' ? value : JSON.stringify(value);
  return `${name}=${PLAIN.test(written) ? written : JSON.stringify(written)}`;
}
