/** The records that reach `dicom_store` in Redpanda Connect, as the rows that the database sinks take. */
import { type ConnectMessage, PluginError } from '../connect-plugin/index.ts';
import { parseRecord } from '../operators/parse-records.ts';
import type { GroupedRecord, PublishedRow, StoredFile } from '../records/records.ts';
import { readRowIdentity } from './row-identity.ts';
import { StoreOrigin } from './store-origin.ts';

type Table = 'object' | 'state' | 'image';

/** The rows of one file, while they are collected: at most one of each table. */
interface Rows {
  file: StoredFile;
  object: GroupedRecord['object'];
  state: PublishedRow | null;
  image: PublishedRow | null;
}

/**
 * Joins the object, state and image records of each file by their version. A second row of the same table and version becomes a record of
 * its own, so that no row replaces another one here: the sinks keep the greatest version of each key. Dead letters are left out. Throws a
 * PluginError for a record that `group_dicom_state` did not make: acknowledging it would lose it.
 */
export function groupedRecords(batch: readonly ConnectMessage[]): readonly GroupedRecord[] {
  const files = new Map<string, Rows[]>();
  /** The first rows of this version that have no row of this table. */
  const rowsFor = (table: Table, file: StoredFile): Rows => {
    const { time, traceId } = file.version;
    const version = `${time} ${traceId}`;
    const known = files.get(version) ?? [];
    files.set(version, known);
    const free = known.find((rows) => rows[table] === null);
    if (free !== undefined) return free;
    const rows: Rows = { file, object: null, state: null, image: null };
    known.push(rows);
    return rows;
  };
  for (const message of batch) {
    const type = message.metadata.record_type;
    if (type === 'object') {
      const file = storedFile(message.bytes);
      const rows = rowsFor(type, file);
      rows.file = file;
      rows.object = file.object;
    } else if (type === 'state' || type === 'image') {
      const row = publishedRow(message, type);
      rowsFor(type, fileOf(row))[type] = row;
    } else if (type !== 'dead_letter') {
      throw new PluginError(NOT_GROUPED);
    }
  }
  return [...files.values()].flat();
}

const NOT_GROUPED =
  'a record without the metadata record_type: group_dicom_state has not processed it (see reject_errored in docs/connect.md)';

function storedFile(json: Buffer): StoredFile {
  const parsed = parseRecord({ origin: new StoreOrigin(), key: null, value: json, headers: [] });
  if (parsed.kind === 'poison') throw new PluginError(`an object record is invalid (${parsed.error.message})`);
  return parsed;
}

function publishedRow(message: ConnectMessage, type: 'state' | 'image'): PublishedRow {
  const json = message.bytes;
  const identity = readRowIdentity(json, type);
  if (identity === undefined) throw new PluginError(`a ${type} record has no identity or no version`);
  return { ...identity, key: '', json };
}

/** For a row whose object is not in its batch. The sinks only compare it. */
function fileOf(row: PublishedRow): StoredFile {
  const source = { origin: new StoreOrigin(), key: null, value: null, headers: [] };
  const { version } = row;
  return { kind: 'file', source, tenantId: '', path: '', size: 0, patientId: '', studyDate: '', version, object: row };
}
