/** Checks that Doris and its tables fit what is loaded, and names the difference. */
import { SinkError } from '../../errors.ts';
import { readMigrations } from '../migrations-folder.ts';
import { findTableFault, type NeededColumn, type PresentColumn } from '../table-fault.ts';
import type { DorisSession } from './session.ts';
import { DORIS_TABLES, type DorisTable } from './tables.ts';

/** The first version that adds new rows by a partial column update in strict mode. */
const OLDEST = { major: 3, minor: 1 };

const COLUMNS = `
select column_name as name, column_type as type, is_nullable as nullable, column_default as value
from information_schema.columns where table_schema = ? and table_name = ?`;

/** A column of a table. */
export interface DorisColumn extends PresentColumn {
  /** In lower case, without Doris's versions of types: `varchar(256)`, `datetime(6)`. */
  readonly type: string;
}

/**
 * Rejects with a SinkError `misconfigured` whose detail names the table, the column and what to do: a table or column is missing, a column
 * can't hold every value, the key or the sequence column differs, or Doris is too old.
 */
export async function verifyDoris(session: DorisSession, sink: string, database: string): Promise<void> {
  const [server] = await session.query('select @@version_comment as version');
  const schema = readDorisSchema();
  let fault = versionFault(String(server?.version ?? ''));
  for (const table of DORIS_TABLES) {
    fault ??= await faultOf(session, table, { database, columns: schema.get(table.name) ?? [] });
  }
  if (fault !== undefined) throw new SinkError(sink, 'misconfigured', fault, { operation: 'connect' });
}

async function faultOf(
  session: DorisSession,
  table: DorisTable,
  needed: { readonly database: string; readonly columns: readonly NeededColumn[] },
): Promise<string | undefined> {
  const rows = await session.query(COLUMNS, [needed.database, table.name]);
  const present = new Map(
    rows.map(({ name, type, nullable, value }) => [
      String(name),
      { type: plainType(String(type)), required: nullable === 'NO', filled: value !== null },
    ]),
  );
  const fault = columnFault(table.name, needed.columns, present);
  if (fault !== undefined) return fault;
  const [created] = await session.query(`show create table \`${table.name}\``);
  return modelFault(table, String(created?.['Create Table'] ?? ''));
}

/** What is wrong with the version in `@@version_comment`; undefined where it names none. */
export function versionFault(comment: string): string | undefined {
  const [, major, minor] = /doris-(\d+)\.(\d+)/i.exec(comment) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  const old = Number(major) < OLDEST.major || (Number(major) === OLDEST.major && Number(minor) < OLDEST.minor);
  return old ? `version:too_old, needs Doris ${OLDEST.major}.${OLDEST.minor} or newer` : undefined;
}

/** What is wrong with the columns of a table; undefined when every record fits. */
export function columnFault(
  table: string,
  columns: readonly NeededColumn[],
  present: ReadonlyMap<string, DorisColumn>,
): string | undefined {
  return findTableFault({ name: table, columns }, present, (there, { type }) => holds(there.type, type));
}

/** What is wrong with the key model of a table, by its CREATE TABLE statement. */
export function modelFault({ name, key, sequence }: DorisTable, statement: string): string | undefined {
  const columns = key.map((column) => `\`${column}\``).join(', ');
  if (!statement.includes(`UNIQUE KEY(${columns})`)) return `${name}:key, needs UNIQUE KEY(${key.join(', ')})`;
  if (property(statement, 'enable_unique_key_merge_on_write') !== 'true')
    return `${name}:model, needs enable_unique_key_merge_on_write`;
  if (property(statement, 'function_column.sequence_col') !== sequence)
    return `${name}:sequence, needs function_column.sequence_col = ${sequence}`;
  return undefined;
}

/** The columns of the tables that the migrations create, by table. */
export function readDorisSchema(): ReadonlyMap<string, readonly NeededColumn[]> {
  const statements = readMigrations('doris').flatMap((migration) => migration.statements);
  return new Map(statements.map(tableOf));
}

function tableOf(statement: string): readonly [name: string, columns: readonly NeededColumn[]] {
  const [, name = ''] = /^CREATE TABLE IF NOT EXISTS `(\w+)`/.exec(statement) ?? [];
  const columns = [...statement.matchAll(/^ {2}`(\w+)` (\S+) (?:NOT )?NULL/gm)];
  return [name, columns.map(([, column = '', type = '']) => ({ name: column, type }))];
}

function property(statement: string, name: string): string | undefined {
  return new RegExp(`"${name.replaceAll('.', '\\.')}"\\s*=\\s*"([^"]*)"`).exec(statement)?.[1];
}

function plainType(type: string): string {
  return type.toLowerCase().replace(/^(date|datetime)v2\b/, '$1');
}

/** Whether a column of type `found` holds every value of type `wanted`. */
function holds(found: string, wanted: string): boolean {
  const [base, size] = partsOf(wanted);
  const [foundBase, foundSize] = partsOf(found);
  if (base === 'varchar' && (foundBase === 'string' || foundBase === 'text')) return true;
  if (base === 'int' && foundBase === 'bigint') return true;
  return foundBase === base && (base !== 'varchar' && base !== 'datetime' ? true : foundSize >= size);
}

function partsOf(type: string): readonly [base: string, size: number] {
  const [, base = '', size = '0'] = /^(\w+)(?:\((\d+)\))?/.exec(type) ?? [];
  return [base, Number(size)];
}
