import pg from 'pg';

/** The rows of one run: those of records whose worker_node_id is its origin. */
export interface TableCounts {
  readonly objects: number;
  readonly studies: number;
  readonly series: number;
  readonly images: number;
}

// A row belongs to the run whose record wrote it last (source_trace_id).
const COUNT = `
  with run as (select trace_id from dicom_object_meta where worker_node_id = $1)
  select (select count(*) from run)::int as objects,
         (select count(distinct (tenant_id, study_uid)) from dicom_state_meta
           where source_trace_id in (select trace_id from run))::int as studies,
         (select count(*) from dicom_state_meta where source_trace_id in (select trace_id from run))::int as series,
         (select count(*) from dicom_image_meta where source_trace_id in (select trace_id from run))::int as images`;

const UNDEFINED_TABLE = '42P01';
/** Before the service has created its tables. */
export const NOTHING: TableCounts = { objects: 0, studies: 0, series: 0, images: 0 };

export interface TableCounter {
  /** Zeros until the service has created its tables. */
  count(origin: string): Promise<TableCounts>;
  query(sql: string): Promise<{ readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] }>;
  close(): Promise<void>;
}

/** A connection apart from the service's, to read what it wrote. */
export async function connectTableCounter(dsn: string): Promise<TableCounter> {
  const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  return {
    count: async (origin) => {
      try {
        const { rows } = await client.query<TableCounts>(COUNT, [origin]);
        return rows[0] ?? NOTHING;
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return NOTHING;
        throw error;
      }
    },
    query: async (sql) => {
      const result = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
      return { columns: result.fields.map((field) => field.name), rows: result.rows };
    },
    close: () => client.end(),
  };
}
