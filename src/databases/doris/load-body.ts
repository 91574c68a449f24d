/** The body of a load: one JSON object a line. */
import type { Row } from '../../records/records.ts';
import { sourceOrder } from './source-order.ts';
import { SOURCE_ORDER } from './tables.ts';

/** A row with the number that orders it. */
export interface OrderedRow {
  readonly row: Row;
  /** `sourceOrder` of its version. */
  readonly order: string;
}

const NEW_LINE = Buffer.from('\n');
const EMPTY = Buffer.from('{}');

// Compact JSON of our own. In a text, the quotes would be escaped, so that neither can be part of a value.
const COUNT = Buffer.from('"series_related_instances":');
const NO_COUNT = Buffer.from('"series_related_instances":null');

/** Whether a state row has a number of instances. */
export function hasCount({ json }: Row): boolean {
  return json.includes(COUNT) && !json.includes(NO_COUNT);
}

/** The rows' JSON as it is. */
export function plainBody(rows: readonly Row[]): Buffer {
  return Buffer.concat(rows.flatMap(({ json }) => [json, NEW_LINE]));
}

/** The rows' JSON with the column `source_order`. It is text: Doris's JSON reader takes no number beyond 64 bits. */
export function orderedBody(rows: readonly OrderedRow[]): Buffer {
  return Buffer.concat(
    rows.flatMap(({ row: { json }, order }) => {
      const separator = json.equals(EMPTY) ? '' : ',';
      return [json.subarray(0, -1), Buffer.from(`${separator}"${SOURCE_ORDER}":"${order}"}\n`)];
    }),
  );
}

/** Adds to each row its number. */
export function ordered(rows: readonly Row[]): readonly OrderedRow[] {
  return rows.map((row) => ({ row, order: sourceOrder(row.version) }));
}
