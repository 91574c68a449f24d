import { createDorisSink, type DorisSinkOptions } from '../../../src/databases/doris/sink.ts';
import type { SinkUnderTest, StoredRow, TableName } from '../../../src/testing/sink-contract.ts';
import { type DorisDouble, startDorisDouble } from './double.ts';
import type { Stored } from './values.ts';

const TABLES: Readonly<Record<TableName, string>> = {
  object: 'dicom_object_meta',
  state: 'dicom_state_meta',
  image: 'dicom_image_meta',
};

/** A connected sink on a double of its own, which `dispose` closes. */
export async function openDorisUnderTest(
  options: Partial<DorisSinkOptions> = {},
): Promise<SinkUnderTest & { readonly double: DorisDouble }> {
  const double = await startDorisDouble();
  const connect = async () => {
    const sink = createDorisSink({
      name: 'doris',
      dsn: () => double.dsn(),
      migrate: true,
      loadPeriodMs: 5,
      ...options,
    });
    await sink.connect();
    return sink;
  };
  const sink = await connect();
  return {
    sink,
    double,
    another: connect,
    rows: async (table) => contractRows(double, table),
    dispose: async () => {
      await sink.close();
      await double.close();
    },
  };
}

/** The rows of a table by the wire's names and types. */
function contractRows(double: DorisDouble, table: TableName): readonly StoredRow[] {
  const types = new Map(double.cluster.tables.get(TABLES[table])?.columns.map(({ name, type }) => [name, type]));
  return double
    .rows(TABLES[table])
    .map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, wireValue(types.get(name) ?? '', value)])),
    );
}

function wireValue(type: string, value: Stored): unknown {
  if (value === null) return null;
  if (/^(int|bigint|double)/.test(type)) return Number(value);
  return type.startsWith('datetime') ? value.replace(' ', 'T') : value;
}
