import mysql from 'mysql2/promise';
import { NOTHING, type TableCounter, type TableCounts } from './table-counts.ts';

// A row belongs to the run whose record wrote it last (source_trace_id).
const COUNT = `
  with run as (select trace_id from dicom_object_meta where worker_node_id = ?)
  select (select count(*) from run) as objects,
         (select count(distinct tenant_id, study_uid) from dicom_state_meta
           where source_trace_id in (select trace_id from run)) as studies,
         (select count(*) from dicom_state_meta where source_trace_id in (select trace_id from run)) as series,
         (select count(*) from dicom_image_meta where source_trace_id in (select trace_id from run)) as images`;

const NO_SUCH_TABLE = 1146;

/** A connection apart from the service's, to read what it wrote to MySQL. */
export async function connectMysqlCounter(dsn: string): Promise<TableCounter> {
  const connection = await mysql.createConnection({ uri: dsn, dateStrings: true });
  connection.on('error', () => undefined);
  return {
    count: async (origin) => {
      try {
        const [rows] = await connection.query<(TableCounts & mysql.RowDataPacket)[]>(COUNT, [origin]);
        return rows[0] ?? NOTHING;
      } catch (error) {
        if (error instanceof Error && 'errno' in error && error.errno === NO_SUCH_TABLE) return NOTHING;
        throw error;
      }
    },
    query: async (sql) => {
      const [rows, fields] = await connection.query<mysql.RowDataPacket[][]>({ sql, rowsAsArray: true });
      return { columns: (fields ?? []).map(({ name }) => name), rows: Array.isArray(rows) ? rows : [] };
    },
    close: () => connection.end(),
  };
}
