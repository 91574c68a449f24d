/** What docs/contract.md ("Tables") says about columns, the same for every database. */
import { DICOM_STORE_META_FIELDS } from '../records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../records/output-fields.ts';
import type { TableKind } from './statement-error.ts';

/** The fields of a row's JSON, in their order. */
export const ROW_FIELDS: Readonly<Record<TableKind, readonly string[]>> = {
  object: DICOM_STORE_META_FIELDS,
  state: STATE_META_FIELDS,
  image: IMAGE_META_FIELDS,
};

/** A column of another service, which is never written here. */
export function isForeignColumn(column: string): boolean {
  return column === 'pregnancy_status';
}

/** Another service fills this column, so a record without a value keeps the stored one. */
export function isKeptWhereNull(column: string): boolean {
  return column === 'series_related_instances';
}

/** Columns that are null in every record. */
export function isAlwaysNull(column: string): boolean {
  return column === 'pixel_data_location' || column === 'thumbnail_location';
}

/** Whether records may have a value in a column. A null in any other column is no record's fault. */
export function mayHaveValue(columns: readonly { readonly name: string }[], column: string): boolean {
  return !isAlwaysNull(column) && columns.some(({ name }) => name === column);
}

/**
 * The database's clock at the time of the write fills this column, so that a service that polls it also sees rows stored after an outage.
 */
export function isClock(column: string): boolean {
  return column === 'updated_time';
}

/** In states and images, created_time is set when the row is inserted. In objects it is the version, and is updated. */
export function isSetOnce(table: readonly string[], column: string): boolean {
  return column === 'created_time' && hasVersion(table);
}

/** Whether a table with these columns has the version (source_time, source_trace_id). Objects are compared by created_time. */
export function hasVersion(table: readonly string[]): boolean {
  return table.includes('source_time');
}
