/** Checks that the write statements fit the database's tables, and names the difference. */
import { SinkError } from '../../errors.ts';
import { findTableFault, type NeededColumn, type PresentColumn } from '../table-fault.ts';
import type { MysqlConnection } from './connection.ts';
import { insertInto, WRITTEN_TABLES, type WrittenTable } from './write-statement.ts';

/** A column of a table in the database. */
interface FoundColumn extends PresentColumn {
  /** MySQL's name of the type, without its length. */
  readonly type: string;
  /** Characters of text, fraction digits of time and datetime; null without a limit. */
  readonly length: number | null;
  /** The collation of text; null for other types. */
  readonly collation: string | null;
}

/** Types that store the same values without loss. */
const ALSO_GOOD: Readonly<Record<string, readonly string[]>> = {
  varchar: ['char', 'tinytext', 'text', 'mediumtext', 'longtext'],
  int: ['bigint'],
};

/** The smallest max_allowed_packet, in bytes, that a single record always fits. */
const SMALLEST_PACKET = 65_536;

const SERVER = 'select @@max_allowed_packet as packet, @@innodb_flush_log_at_trx_commit as flush';

/**
 * Rejects with a SinkError `misconfigured` whose detail names the table, the column and what to do. Also has the server check the write
 * statements, and so the privileges, and rejects with its error.
 */
export async function verifyMysql(connection: MysqlConnection, sink: string): Promise<void> {
  const refuse = (fault: string) => new SinkError(sink, 'misconfigured', fault, { operation: 'connect' });
  const [server] = await connection.query(SERVER);
  if (Number(server?.packet) < SMALLEST_PACKET)
    throw refuse(`max_allowed_packet:${server?.packet}, needs ${SMALLEST_PACKET}`);
  // A crash of the server would lose rows that were acknowledged.
  if (Number(server?.flush) === 0) throw refuse('innodb_flush_log_at_trx_commit:0, needs 1');
  for (const table of WRITTEN_TABLES) {
    const columns = await readColumns(connection, table.name);
    // Without privileges, the catalog shows no columns: the server's error then says which of both it is.
    if (columns.size === 0) await checkStatement(connection, table);
    const fault = findFault(table, columns) ?? (await findIndexFault(connection, table));
    if (fault !== undefined) throw refuse(fault);
    await checkStatement(connection, table);
  }
}

async function checkStatement(connection: MysqlConnection, table: WrittenTable): Promise<void> {
  const { head, tail } = insertInto(table, connection.server.dialect);
  try {
    await connection.check(`${head}(${table.values.map(() => '?').join(',')})${tail}`, table);
  } catch (error) {
    // NO_SUCH_TABLE: the comparison says what to do.
    if (!(error instanceof SinkError) || error.detail !== '1146') throw error;
  }
}

async function readColumns(connection: MysqlConnection, table: string): Promise<ReadonlyMap<string, FoundColumn>> {
  const rows = await connection.query(
    'select column_name as name, data_type as type, is_nullable as nullable, column_default as filler, extra as extra,' +
      ' coalesce(character_maximum_length, datetime_precision) as length, collation_name as collation' +
      ` from information_schema.columns where table_schema = database() and table_name = '${table}'`,
  );
  return new Map(
    rows.map(({ name, type, nullable, filler, extra, length, collation }) => [
      String(name),
      {
        type: String(type).toLowerCase(),
        length: length === null ? null : Number(length),
        required: nullable === 'NO',
        filled: filler !== null || /auto_increment|generated|default_generated/i.test(String(extra)),
        collation: collation === null ? null : String(collation),
      },
    ]),
  );
}

/** What is wrong with the columns of `table` and what to do; undefined when every record fits. */
function findFault(table: WrittenTable, found: ReadonlyMap<string, FoundColumn>): string | undefined {
  const fault = findTableFault(table, found, holds);
  if (fault !== undefined) return fault;
  for (const { name, type } of table.columns) {
    const collation = found.get(name)?.collation;
    if (collation === null || collation === undefined) continue;
    if (!collation.startsWith('utf8mb4_')) return `${table.name}.${name}:charset, needs utf8mb4`;
    if (type.endsWith('_bin') && !collation.endsWith('_bin'))
      return `${table.name}.${name}:collation, run wado-consumer migrate`;
  }
  return undefined;
}

/**
 * ON DUPLICATE KEY UPDATE also updates the row of any other unique index, which would be another record's if the index lacks a part of
 * the key.
 */
async function findIndexFault(connection: MysqlConnection, table: WrittenTable): Promise<string | undefined> {
  const rows = await connection.query(
    'select s.index_name as name, group_concat(s.column_name order by s.seq_in_index) as columns_of, max(t.engine) as engine' +
      ' from information_schema.tables t left join information_schema.statistics s' +
      ' on s.table_schema = t.table_schema and s.table_name = t.table_name and s.non_unique = 0' +
      ` where t.table_schema = database() and t.table_name = '${table.name}' group by s.index_name`,
  );
  if (rows.some(({ engine }) => !/^innodb$/i.test(String(engine)))) return `${table.name}:engine, needs InnoDB`;
  const indexes = rows
    // A table without a unique index has one row without a name.
    .filter(({ name }) => name !== null)
    .map(({ name, columns_of }) => ({ name: String(name), columns: String(columns_of).split(',') }));
  const wider = indexes.find(({ columns }) => !table.key.every((column) => columns.includes(column)));
  if (wider !== undefined)
    return `${table.name} ${wider.name}:unique_index, it lacks a part of the key ${table.key.join(', ')}`;
  const hasKey = indexes.some(({ columns }) => columns.length === table.key.length);
  return hasKey ? undefined : `${table.name}:key, needs a primary key (${table.key.join(', ')})`;
}

const FRACTION_DIGITS: Readonly<Record<string, number>> = { time: 3, datetime: 6 };

function holds(found: FoundColumn, needed: NeededColumn): boolean {
  const [, base = '', length] = /^([a-z]+)(?:\((\d+)\))?/.exec(needed.type) ?? [];
  if (found.type !== base && !(ALSO_GOOD[base] ?? []).includes(found.type)) return false;
  const least = FRACTION_DIGITS[base] ?? (base === 'varchar' ? Number(length) : 0);
  return found.length === null || found.length >= least;
}
