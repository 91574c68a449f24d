import { createDorisSink, type DorisSinkOptions } from '../../../src/databases/doris/sink.ts';
import { startTcpProxy } from '../../../src/testing/proxy.ts';
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

/** The same with a proxy before the BE, to which the sink sends its loads without asking the FE. */
export async function openDorisBehindProxy(): Promise<SinkUnderTest> {
  const double = await startDorisDouble();
  const [host = '', port] = (double.backends[0] ?? '').split(':');
  const network = await startTcpProxy({ target: { host, port: Number(port) } });
  const connect = async (parameters: string) => {
    const dsn = double.dsn(parameters);
    const sink = createDorisSink({
      name: 'doris',
      dsn: () => dsn,
      migrate: true,
      loadPeriodMs: 5,
      statementTimeoutMs: 2_000,
    });
    await sink.connect();
    return sink;
  };
  const sink = await connect(`&backends=127.0.0.1:${network.port}`);
  return {
    sink,
    network,
    another: () => connect(''),
    rows: async (table) => contractRows(double, table),
    dispose: async () => {
      await sink.close();
      await network.close();
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
