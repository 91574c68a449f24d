/** The MySQL port of an FE: the statements that `migrate`, the check of the tables and the reading of versions use. */
import { createHash } from 'node:crypto';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { type Connection, createServer } from 'mysql2';
import type { Cluster } from './cluster.ts';
import { Table } from './table.ts';

/** MySQL's number of a text column. */
const VAR_STRING = 253;

export interface MysqlPort {
  readonly port: number;
  /** The statements received, in order. */
  readonly statements: readonly string[];
  close(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startMysqlPort(cluster: Cluster, port = 0): Promise<MysqlPort> {
  const statements: string[] = [];
  const open = new Set<Connection>();
  let count = 0;
  const server = createServer((connection: Connection) => {
    // mysql2's server doesn't count packets from each command: an answer begins with 1, the next command with 0.
    const startAt = (sequenceId: number) => Object.assign(connection, { sequenceId });
    open.add(connection);
    // An answer is several packets, the second of which would wait for the acknowledgement of the first.
    (connection as unknown as { readonly stream: Socket }).stream.setNoDelay(true);
    connection.on('error', () => undefined);
    connection.on('end', () => open.delete(connection));
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: '5.7.99',
      connectionId: ++count,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xffffff ^ 0x800, // everything but TLS
      authCallback: (given: Login, done: (error: unknown, refusal?: { message: string; code: number }) => void) => {
        if (isRight(cluster, given)) done(null);
        else done(null, { message: `Access denied for user '${given.user}' (using password: YES)`, code: 1045 });
        startAt(0);
      },
    });
    connection.on('query', (sql: string) => {
      statements.push(sql);
      startAt(1);
      try {
        const rows = run(cluster, sql.trim());
        if (rows === undefined) connection.writeOk({ affectedRows: 0 });
        else
          connection.writeTextResult(
            rows.rows.map((row) => ({ ...row })),
            rows.columns.map(columnPacket),
          );
      } catch (error) {
        connection.writeError({
          code: 1105,
          message: `errCode = 2, detailMessage = ${error instanceof Error ? error.message : ''}`,
        });
      }
      startAt(0);
    });
  });
  const net = (server as unknown as { readonly _server: NetServer })._server;
  await new Promise<void>((resolve, reject) => {
    net.once('error', reject);
    net.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (net.address() as AddressInfo).port,
    statements,
    close: () =>
      new Promise((resolve) => {
        for (const connection of open) connection.destroy();
        net.close(() => resolve());
      }),
  };
}

interface Login {
  readonly user: string;
  readonly authPluginData1: Buffer;
  readonly authPluginData2: Buffer;
  readonly authToken: Buffer;
}

/** mysql_native_password, which Doris uses. */
function isRight({ user, password }: Cluster, given: Login): boolean {
  const sha = (...parts: Buffer[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
  const once = sha(Buffer.from(password));
  const salt = Buffer.concat([given.authPluginData1, given.authPluginData2]).subarray(0, 20);
  const mask = sha(salt, sha(once));
  return given.user === user && given.authToken.equals(once.map((byte, at) => byte ^ (mask[at] ?? 0)));
}

function columnPacket(name: string) {
  const none = { catalog: 'def', schema: '', table: '', orgTable: '' };
  return {
    ...none,
    name,
    orgName: name,
    characterSet: 33,
    columnLength: 65_535,
    columnType: VAR_STRING,
    flags: 0,
    decimals: 0,
  };
}

interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string | null>>[];
}

const STATEMENTS: readonly (readonly [
  form: RegExp,
  run: (cluster: Cluster, found: readonly string[]) => Result | undefined,
])[] = [
  [/^create table (?:if not exists )?`(\w+)`[\s\S]*$/i, createTable],
  [
    /^select @@version_comment as version$/i,
    ({ version }) => result([{ version: `Doris version ${version}` }], ['version']),
  ],
  [/^show create table `(\w+)`$/i, showCreate],
  [
    /^select table_name as name from information_schema\.tables where table_schema = '(\w+)' and table_name = '(\w+)'$/i,
    ({ tables, database }, [, schema, name = '']) =>
      result(schema === database && tables.has(name) ? [{ name }] : [], ['name']),
  ],
  [
    /^select column_name as name,[\s\S]*\sfrom information_schema\.columns where table_schema = '(\w+)' and table_name = '(\w+)'$/i,
    showColumns,
  ],
  [/^insert into `(\w+)` \(`(\w+)`\) values \('([^']*)'\)$/i, insert],
  [/^select ((?:`\w+`(?:, )?)+) from `(\w+)`(?: where `(\w+)` in \(([\d, ]+)\))?$/i, select],
];

function run(cluster: Cluster, sql: string): Result | undefined {
  for (const [form, answer] of STATEMENTS) {
    const found = form.exec(sql);
    if (found !== null) return answer(cluster, found);
  }
  throw new Error(`Syntax error in line 1: ${sql.slice(0, 40)}`);
}

function result(rows: Result['rows'], columns: readonly string[]): Result {
  return { rows, columns };
}

function tableOf({ tables }: Cluster, name = ''): Table {
  const table = tables.get(name);
  if (table === undefined) throw new Error(`Unknown table '${name}'`);
  return table;
}

function createTable(cluster: Cluster, [statement = '', name = '']: readonly string[]): undefined {
  if (!cluster.tables.has(name)) cluster.tables.set(name, new Table(statement));
}

function showCreate(cluster: Cluster, [, name]: readonly string[]): Result {
  const table = tableOf(cluster, name);
  return result([{ Table: table.name, 'Create Table': table.statement }], ['Table', 'Create Table']);
}

function showColumns({ tables, database }: Cluster, [, schema, name = '']: readonly string[]): Result {
  const columns = schema === database ? (tables.get(name)?.columns ?? []) : [];
  const rows = columns.map((column) => ({
    name: column.name,
    type: column.type,
    nullable: column.nullable ? 'YES' : 'NO',
    value: column.otherwise ?? null,
  }));
  return result(rows, ['name', 'type', 'nullable', 'value']);
}

function insert(cluster: Cluster, [, name, column = '', value = '']: readonly string[]): undefined {
  const settings = { columns: [column], strict: true, partial: false, append: true, timezone: 'UTC' };
  const table = tableOf(cluster, name);
  table.apply(table.prepare([{ [column]: value }], settings));
}

function select(cluster: Cluster, [, names = '', name, filter, values = '']: readonly string[]): Result {
  const columns = [...names.matchAll(/`(\w+)`/g)].map(([, column = '']) => column);
  const wanted = new Set(values.split(', '));
  const rows = tableOf(cluster, name).rows.filter((row) => filter === undefined || wanted.has(row[filter] ?? ''));
  return result(
    rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))),
    columns,
  );
}
