import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../src/testing/free-port.ts';

const BIN = '/usr/lib/postgresql/15/bin';
const isRoot = process.getuid?.() === 0;

/** Whether servers can be started here: PostgreSQL's own programs, which run as user `postgres`. */
export const hasPostgresPrograms = existsSync(join(BIN, 'initdb'));

/** PostgreSQL's programs and PgBouncer refuse to run as root. */
function asPostgres(program: string, args: readonly string[]): void {
  const [command, all] = isRoot ? ['runuser', ['-u', 'postgres', '--', program, ...args]] : [program, args];
  execFileSync(command as string, all as string[], { stdio: 'ignore', cwd: '/' });
}

function folderOf(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  chmodSync(folder, 0o700);
  if (isRoot) chownSync(folder, Number(idOf('-u')), Number(idOf('-g')));
  return folder;
}

const idOf = (flag: string) => execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim();

export interface Pair {
  readonly primary: number;
  readonly standby: number;
  /** Ends the primary without a word to its clients. */
  killPrimary(): void;
  /** Makes the standby the primary; returns when it accepts writes. */
  promote(): void;
  drop(): void;
}

/** A primary and a standby that follows it, on two ports. */
export async function primaryAndStandby(): Promise<Pair> {
  const folder = folderOf('pair');
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  const [primary, standby] = [await freePort(), await freePort()];
  const start = (data: string, port: number) =>
    asPostgres(join(BIN, 'pg_ctl'), ['-D', data, '-w', '-l', `${data}.log`, '-o', `-p ${port} -k ${folder}`, 'start']);
  const stop = (data: string) => asPostgres(join(BIN, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop']);
  asPostgres(join(BIN, 'initdb'), ['-D', one, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-sync']);
  start(one, primary);
  const from = ['-h', '127.0.0.1', '-p', String(primary), '-U', 'postgres'];
  asPostgres(join(BIN, 'pg_basebackup'), ['-D', two, '-R', '-c', 'fast', '--no-sync', ...from]);
  start(two, standby);
  let primaryRuns = true;
  return {
    primary,
    standby,
    killPrimary: () => {
      stop(one);
      primaryRuns = false;
    },
    promote: () => asPostgres(join(BIN, 'pg_ctl'), ['-D', two, '-w', 'promote']),
    drop: () => {
      if (primaryRuns) stop(one);
      stop(two);
      rmSync(folder, { recursive: true });
    },
  };
}

export interface Pooler {
  readonly port: number;
  stop(): Promise<void>;
}

/** PgBouncer in transaction mode before the server of `dsn`; undefined where it is neither installed nor installable. */
export async function pgbouncer(dsn: string): Promise<Pooler | undefined> {
  const program = '/usr/sbin/pgbouncer';
  if (!existsSync(program) && isRoot) {
    try {
      execFileSync('apt-get', ['install', '-y', 'pgbouncer'], { stdio: 'ignore' });
    } catch {
      return undefined;
    }
  }
  if (!existsSync(program)) return undefined;
  const { hostname, port: serverPort, username, password } = new URL(dsn);
  const folder = folderOf('pgbouncer');
  const port = await freePort();
  const login = `user=${username}${password === '' ? '' : ` password=${password}`}`;
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(
    file,
    [
      '[databases]',
      `* = host=${hostname} port=${serverPort} ${login}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'auth_type = any',
      'pool_mode = transaction',
      'unix_socket_dir =',
    ].join('\n'),
    { mode: 0o644 },
  );
  if (isRoot) chownSync(file, Number(idOf('-u')), Number(idOf('-g')));
  const [command, args] = isRoot ? ['runuser', ['-u', 'postgres', '--', program, file]] : [program, [file]];
  const child = spawn(command as string, args as string[], { stdio: 'ignore', cwd: '/' });
  while (!(await listens(port))) await sleep(50);
  return {
    port,
    stop: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
