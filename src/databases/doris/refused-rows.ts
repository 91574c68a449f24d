/** What the log of a failed load says about its refused rows. It quotes rows: nothing of it but codes and column names is kept. */
import type { Row } from '../../records/records.ts';
import type { DorisTable } from './tables.ts';

/** Why rows were refused. */
export interface Reason {
  readonly detail: string;
  /** The column at fault, if the log names one of the table's. */
  readonly column: string | undefined;
  readonly about: 'value' | 'rule';
}

const REASONS: readonly (readonly [pattern: RegExp, detail: string, about: Reason['about']])[] = [
  [/too long|length of input/i, 'value_too_long', 'value'],
  [/null value|not.?null|is null/i, 'null_value', 'rule'],
  [/partition/i, 'no_partition', 'rule'],
  [/invalid|parse|cast|convert|format|overflow|out of range|incorrect/i, 'value_invalid', 'value'],
];
const OTHER: Omit<Reason, 'column'> = { detail: 'filtered_rows', about: 'value' };

// More refused rows than this are found by dividing the load.
const MAX_LINES = 200;

/** The reason in the first line of a log; `filtered_rows` without a log. */
export function reasonOf(log: string | undefined, table: DorisTable): Reason {
  const [line = ''] = linesOf(log ?? '');
  // The row follows. Its values must not be read as a reason.
  const [reason = ''] = line.split(/src line/i);
  const named = /column_name\[(\w+)\]|column\(?[ `'[]*(\w+)/i.exec(reason);
  const column = table.loaded.find((name) => name === (named?.[1] ?? named?.[2]));
  const found = REASONS.find(([pattern]) => pattern.test(reason.replace(/\[[^\]]*\]/g, '')));
  return found === undefined ? { ...OTHER, column } : { detail: found[1], about: found[2], column };
}

/**
 * The rows that the log quotes, one for each of `count` refused rows; undefined unless each line is about exactly one row. A wrong one does no
 * harm: a refused record is tried alone before it counts as bad.
 */
export function refusedRows(
  log: string | undefined,
  count: number,
  { table, rows }: { readonly table: DorisTable; readonly rows: readonly Row[] },
): ReadonlySet<Row> | undefined {
  const lines = linesOf(log ?? '');
  if (lines.length !== count || lines.length > MAX_LINES) return undefined;
  const refused = new Set<Row>();
  for (const line of lines) {
    const matching = rows.filter(quotedIn(line, table));
    const [row] = matching;
    if (row === undefined || matching.length > 1 || refused.has(row)) return undefined;
    refused.add(row);
  }
  return refused;
}

/** Whether a line quotes a row: its JSON, or else all parts of its key. */
function quotedIn(line: string, table: DorisTable): (row: Row) => boolean {
  const quoted = objectIn(line);
  if (quoted !== undefined) {
    const identity = table.key.map((column) => String(quoted[column])).join('\0');
    return (row) => row.identity === identity;
  }
  // Words of UIDs, trace ids and plain tenant names. A key with other characters is never found, and the load is divided.
  const words = new Set(line.split(/[^\w.-]+/));
  return ({ identity }) => identity.split('\0').every((part) => words.has(part));
}

function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  const [, json = ''] = /src line \[(\{.*\})\]/.exec(line) ?? [];
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function linesOf(log: string): readonly string[] {
  return log.split('\n').filter((line) => line.trim() !== '');
}
