/** The records that reach `dicom_store` in Redpanda Connect, as the rows that the database sinks take. */
import { type ConnectMessage, PluginError } from '../connect-plugin/index.ts';
import { parseRecord } from '../operators/parse-records.ts';
import type { GroupedRecord, PublishedRow, Row, StoredFile } from '../records/records.ts';
import type { Version } from '../records/version.ts';
import { readRowIdentity } from './row-identity.ts';
import { StoreOrigin } from './store-origin.ts';

type Table = 'object' | 'state' | 'image';

/** The rows of one file, while they are collected: at most one of each table. */
interface Rows {
  readonly file: StoredFile;
  object: GroupedRecord['object'];
  state: PublishedRow | null;
  image: PublishedRow | null;
}

/**
 * Joins the object, state and image records of each file by their version. A second row of the same table and version becomes a record of
 * its own, so that no row replaces another one here: the sinks keep the greatest version of each key. Dead letters are left out. Throws a
 * PluginError for a record that `group_dicom_state` did not make: acknowledging it would lose it.
 */
export function groupedRecords(
  batch: readonly ConnectMessage[],
  fileOf: (version: Version, nth: number) => StoredFile,
): readonly GroupedRecord[] {
  const records = new Map<string, Rows[]>();
  /** The first rows of this version that have no row of this table. */
  const rowsFor = (table: Table, version: Version): Rows => {
    const name = `${version.time} ${version.traceId}`;
    const known = records.get(name) ?? [];
    records.set(name, known);
    const free = known.find((rows) => rows[table] === null);
    if (free !== undefined) return free;
    const rows: Rows = { file: fileOf(version, known.length), object: null, state: null, image: null };
    known.push(rows);
    return rows;
  };
  for (const message of batch) {
    const type = message.metadata.record_type;
    if (type === 'object') {
      const row = objectRow(message.bytes);
      rowsFor(type, row.version).object = row;
    } else if (type === 'state' || type === 'image') {
      const row = publishedRow(message, type);
      rowsFor(type, row.version)[type] = row;
    } else if (type !== 'dead_letter') {
      throw new PluginError(NOT_GROUPED);
    }
  }
  return [...records.values()].flat();
}

const NOT_GROUPED =
  'a record without the metadata record_type: group_dicom_state has not processed it (see reject_errored in docs/connect.md)';

function objectRow(json: Buffer): Row {
  const parsed = parseRecord({ origin: new StoreOrigin(), key: null, value: json, headers: [] });
  if (parsed.kind === 'poison') throw new PluginError(`an object record is invalid (${parsed.error.message})`);
  return parsed.object;
}

function publishedRow(message: ConnectMessage, type: 'state' | 'image'): PublishedRow {
  const json = message.bytes;
  const identity = readRowIdentity(json, type);
  if (identity === undefined) throw new PluginError(`a ${type} record has no identity or no version`);
  return { ...identity, key: '', json };
}
