/**
 * The three tables in Apache Doris, as `drizzle/doris` creates them: the names, columns and keys of docs/tables.md, with Doris's types.
 * varchar counts bytes there, so that n characters need 4 × n. Doris has no column type for a time of day: such columns are text.
 */
import type { TableKind } from '../statement-error.ts';
import { isKeptWhereNull, isSetOnce, ROW_FIELDS } from '../table-rules.ts';

/** One table and how it is loaded. */
export interface DorisTable {
  readonly kind: TableKind;
  readonly name: string;
  /** The columns of UNIQUE KEY, in order. */
  readonly key: readonly string[];
  /** The sequence column: of two rows with the same key, Doris keeps the one where it is greater, and of equal ones the later one. */
  readonly sequence: string;
  /** The columns of a load, in order. */
  readonly loaded: readonly string[];
  /** Whether columns that a load doesn't name keep their value in a row that exists (partial column update). */
  readonly keepsOthers: boolean;
}

/** The sequence column of states and images (`sourceOrder`). */
export const SOURCE_ORDER = 'source_order';

/** The columns of a load of states or images: those that a table sets once are left to their default. */
function versioned(fields: readonly string[]): readonly string[] {
  return [...fields.filter((column) => !isSetOnce(fields, column)), SOURCE_ORDER];
}

const STATE_KEY = ['tenant_id', 'study_uid', 'series_uid'];
const IMAGE_KEY = [...STATE_KEY, 'sop_uid'];

/** `dicom_object_meta`: every column comes from the message, so that a replay stores the same row again. */
export const OBJECT_TABLE: DorisTable = {
  kind: 'object',
  name: 'dicom_object_meta',
  key: ['trace_id'],
  sequence: 'created_time',
  loaded: ROW_FIELDS.object,
  keepsOthers: false,
};

/** `dicom_state_meta`. */
export const STATE_TABLE: DorisTable = {
  kind: 'state',
  name: 'dicom_state_meta',
  key: STATE_KEY,
  sequence: SOURCE_ORDER,
  loaded: versioned(ROW_FIELDS.state),
  keepsOthers: true,
};

/** `dicom_state_meta`, for rows without `series_related_instances`. */
export const STATE_TABLE_WITHOUT_COUNT: DorisTable = {
  ...STATE_TABLE,
  loaded: STATE_TABLE.loaded.filter((column) => !isKeptWhereNull(column)),
};

/** `dicom_image_meta`. */
export const IMAGE_TABLE: DorisTable = {
  kind: 'image',
  name: 'dicom_image_meta',
  key: IMAGE_KEY,
  sequence: SOURCE_ORDER,
  loaded: versioned(ROW_FIELDS.image),
  keepsOthers: true,
};

/** All tables. */
export const DORIS_TABLES: readonly DorisTable[] = [OBJECT_TABLE, STATE_TABLE, IMAGE_TABLE];
