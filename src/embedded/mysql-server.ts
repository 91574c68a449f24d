/** A MySQL or MariaDB server that is installed on this machine, run on a folder of the demo. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import type { EmbeddedDatabase, EmbeddedDatabaseOptions } from './database.ts';
import { lockFolder } from './folder-lock.ts';

/** A server program. */
interface Program {
  readonly path: string;
  /** `MySQL 9.7.4` */
  readonly title: string;
  readonly isMariadb: boolean;
  /** Options of every start: where an unpacked server has its files. */
  readonly options: readonly string[];
}

/** No server program was found. */
class NoMysqlError extends Error {
  override readonly name = 'NoMysqlError';
  readonly code = 'no_mysql';
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 100;
const run = promisify(execFile);

/** Where `scripts/services.sh up mysql` unpacks the server. */
const CACHE = join(homedir(), '.cache', 'wado-consumer', 'mysql');
const INSTALLED = ['mysqld', '/usr/sbin/mysqld', 'mariadbd', '/usr/sbin/mariadbd'];

/**
 * Starts the first of `programs` that runs here, by default what is installed or unpacked, and resolves when it accepts
 * connections. `title` names it. Rejects with the code `no_mysql` if the machine has none, and with FolderInUseError if
 * another process uses the folder.
 */
export async function startMysql(
  options: EmbeddedDatabaseOptions,
  programs: readonly string[] = [...unpacked(), ...INSTALLED],
): Promise<EmbeddedDatabase & { readonly title: string }> {
  const program = await findProgram(programs);
  const folder = resolve(options.folder);
  const lock = await lockFolder(folder);
  const sockets = await mkdtemp(join(tmpdir(), 'wado-mysql-'));
  const data = join(folder, 'data');
  await endOrphan(data);
  if (options.fresh === true) await rm(data, { recursive: true, force: true });
  await createData(program, data);
  await writeFile(join(folder, 'init.sql'), INIT);
  const port = await freePort();
  const log = openSync(join(folder, 'server.log'), 'a');
  const child = spawn(
    program.path,
    [
      ...serverOptions(program, data),
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(sockets, 'socket')}`,
      `--pid-file=${pidFile(data)}`,
      `--init-file=${join(folder, 'init.sql')}`,
      ...(program.isMariadb
        ? []
        : ['--mysqlx=OFF', '--skip-log-bin', '--performance-schema=OFF', '--secure-file-priv=NULL']),
    ],
    // A process group of its own: a Ctrl-C must first end the service.
    { stdio: ['ignore', log, log], detached: true },
  );
  const closeBy = (end: (child: ChildProcess) => Promise<void>) => async () => {
    await end(child);
    await rm(sockets, { recursive: true, force: true });
    await lock.release();
  };
  const close = closeBy(ended);
  const dsn = `mysql://demo:demo@127.0.0.1:${port}/dicom`;
  try {
    await accepting(dsn, child);
  } catch (error) {
    await close();
    throw error;
  }
  return { dsn, pid: child.pid ?? -1, close, kill: closeBy(killed), title: program.title };
}

const INIT = `create database if not exists dicom character set utf8mb4;
create user if not exists demo@'127.0.0.1' identified by 'demo';
create user if not exists demo@'localhost' identified by 'demo';
grant all on dicom.* to demo@'127.0.0.1';
grant all on dicom.* to demo@'localhost';
`;

async function findProgram(programs: readonly string[]): Promise<Program> {
  for (const path of programs) {
    try {
      const { stdout } = await run(path, ['--no-defaults', '--version']);
      const isMariadb = /mariadb/i.test(stdout);
      const version = /(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '';
      const options = path.startsWith(CACHE) ? unpackedOptions(dirname(dirname(path))) : [];
      return { path, title: `${isMariadb ? 'MariaDB' : 'MySQL'} ${version}`, isMariadb, options };
    } catch {
      // Not installed, or it doesn't run here.
    }
  }
  throw new NoMysqlError('no mysqld and no mariadbd');
}

function unpacked(): readonly string[] {
  if (!existsSync(CACHE)) return [];
  const programs = readdirSync(CACHE).map((version) => join(CACHE, version, 'bin', 'mysqld'));
  return programs
    .filter((path) => existsSync(path))
    .sort()
    .reverse();
}

function unpackedOptions(tree: string): readonly string[] {
  const share = join(tree, 'usr/share/mysql');
  return [
    `--basedir=${join(tree, 'usr')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    `--plugin-dir=${join(tree, 'usr/lib/mysql/plugin')}`,
  ];
}

function serverOptions({ options }: Program, data: string): readonly string[] {
  // The servers refuse to run as root without this option.
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  return ['--no-defaults', ...options, `--datadir=${data}`, ...user];
}

async function createData(program: Program, data: string): Promise<void> {
  if (existsSync(join(data, 'mysql'))) return;
  await rm(data, { recursive: true, force: true });
  const options = serverOptions(program, data);
  if (program.isMariadb) {
    await mkdir(data, { recursive: true });
    await run('mariadb-install-db', [...options, '--auth-root-authentication-method=normal', '--skip-test-db']);
  } else await run(program.path, [...options, '--initialize-insecure']);
}

async function accepting(dsn: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let failed = false;
  child.once('error', () => {
    failed = true;
  });
  for (;;) {
    if (failed || child.exitCode !== null)
      throw new Error('the server exited during its start; --fresh empties its folder');
    try {
      const connection = await mysql.createConnection(dsn);
      return await connection.end();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await exit;
  clearTimeout(timer);
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await exit;
}

function pidFile(data: string): string {
  return join(dirname(data), 'server.pid');
}

/** Ends the server of a demo that was killed. It is ours if its command line names our data. */
async function endOrphan(data: string): Promise<void> {
  try {
    const pid = Number(readFileSync(pidFile(data), 'utf8'));
    const isOurs = () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--datadir=${data}\0`);
    if (isOurs()) process.kill(pid, 'SIGTERM');
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    while (isOurs() && performance.now() < deadline) await sleep(POLL_MS);
  } catch {
    // There is none.
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
