import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Demo, startDemo } from '../embedded/demo.ts';
import { DEMO_DATABASES, type DemoDatabaseName } from '../embedded/demo-database.ts';
import { FolderInUseError } from '../embedded/folder-lock.ts';
import { addsUp } from '../embedded/sums.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { CliError, EXIT } from './cli-error.ts';
import {
  introduction,
  keptHints,
  liveHints,
  progressLine,
  progressLines,
  reasonsTable,
  sumsTable,
} from './demo-screen.ts';
import { askDemo } from './demo-sql.ts';
import { endProcess } from './end-process.ts';
import { print } from './output.ts';
import { liveBlock } from './terminal/live-block.ts';

interface DemoOptions {
  readonly once?: boolean;
  readonly fresh?: boolean;
  readonly studies: number;
  readonly seed: number;
  readonly database: DemoDatabaseName;
  readonly http?: string;
  readonly sql?: string;
  readonly folder: string;
}

const DEFAULT_HTTP = { host: '127.0.0.1', port: 4195 };
const STUDY_EVERY_MS = 2_000;
const SHOW_EVERY_MS = 100;
const RATE_OVER_MS = 2_000;
/** npm forwards a Ctrl-C that the terminal also sent to this process: a second signal this soon is the same one. */
const SAME_SIGNAL_MS = 500;

/** `demo`: runs the service between an embedded broker and an embedded database, on generated studies. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Run the service with an embedded broker and database on generated studies: no Docker, no network')
    .option('--once', 'end when the lag is 0; exit code 2 if input and output differ')
    .option('--fresh', 'start with an empty database and store')
    .option('--studies <n>', 'number of studies to start with', positive, 200)
    .option('--seed <n>', 'seed of the generator; the same seed makes the same studies', positive, 1)
    .option(
      '--http <host:port>',
      'address of dashboard and metrics (default: 127.0.0.1:4195, or a free port if that is in use)',
    )
    .addOption(
      new Option('--database <name>', 'database to store in; the second one must be installed on this machine')
        .choices(DEMO_DATABASES)
        .default(DEMO_DATABASES[0]),
    )
    .option('--folder <path>', 'folder of database, files, configuration and log', join('.wado', 'demo'))
    .option('--sql <query>', 'query the database of the running or the last demo, and exit')
    .action(async (options: DemoOptions) => {
      if (options.sql !== undefined) await print(`${await askDemo(options.folder, options.sql)}\n`);
      else await play(options);
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > 1_000_000) {
    throw new InvalidArgumentError('expected a whole number from 1 to 1000000');
  }
  return value;
}

async function play(options: DemoOptions): Promise<void> {
  const stop = stopSignal();
  await print(introduction(options.database));
  const demo = await start(options);
  try {
    const screen = progressScreen(demo, options.studies);
    await print(`${liveHints(demo)}\n`);
    const settled = await work(demo, options, stop.signal);
    screen.end();
    if (!settled) await print(`\nThe service makes no progress; ${demo.logFile} has the reason.\n`);
    const { sums, reasons } = await demo.finish();
    await print(`\n${sumsTable(sums)}\n\n${reasonsTable(reasons)}\n${keptHints(options.folder)}`);
    if (!settled || !addsUp(sums)) throw new CliError(EXIT.failures, '');
  } finally {
    await demo.close();
    stop.release();
  }
}

async function start(options: DemoOptions): Promise<Demo> {
  try {
    const { folder, fresh = false, seed, database } = options;
    return await startDemo({ folder, fresh, seed, database, http: options.http ?? (await freeAddress()) });
  } catch (error) {
    if (error instanceof FolderInUseError) throw new CliError(EXIT.usage, inUse(options.folder, error));
    if (errorCode(error) === 'no_mysql') throw new CliError(EXIT.usage, NO_SERVER);
    throw new CliError(EXIT.broke, `the demo could not start (${errorCode(error)})`, { cause: error });
  }
}

const NO_SERVER =
  'there is no mysqld and no mariadbd on this machine: install mysql-server or mariadb-server, or run scripts/services.sh up mysql';

function inUse(folder: string, { pid }: FolderInUseError): string {
  return `${folder} is in use by another demo (process ${pid}): stop it, or choose another --folder`;
}

/** Publishes studies, without `--once` until the signal. Resolves with whether everything was processed. */
async function work(demo: Demo, options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  await demo.publish(options.studies, signal);
  while (options.once !== true && !signal.aborted) {
    await demo.publish(1, signal);
    await sleep(STUDY_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return await demo.settled();
}

function progressScreen(demo: Demo, studies: number) {
  const block = liveBlock(process.stdout);
  const history: { at: number; done: number }[] = [];
  const show = (draw: (lines: readonly string[], plain: string) => void) => {
    const progress = demo.progress();
    const now = performance.now();
    history.push({ at: now, done: progress.done });
    while ((history[0]?.at ?? now) < now - RATE_OVER_MS) history.shift();
    const [oldest] = history;
    const seconds = (now - (oldest?.at ?? now)) / 1000;
    const speed = { recordsPerSecond: seconds > 0 ? (progress.done - (oldest?.done ?? 0)) / seconds : 0 };
    const total = progress.published.studies <= studies ? studies : undefined;
    draw(progressLines(progress, speed, total), progressLine(progress, speed));
  };
  const timer = setInterval(() => show(block.show), SHOW_EVERY_MS);
  return {
    end: () => {
      clearInterval(timer);
      show(block.end);
    },
  };
}

function stopSignal() {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    const now = performance.now();
    if (firstAt !== undefined && now - firstAt > SAME_SIGNAL_MS) void endProcess(EXIT.forced);
    firstAt ??= now;
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { signal: controller.signal, release: () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}

async function freeAddress(): Promise<string> {
  const { host, port } = DEFAULT_HTTP;
  const free = await new Promise<boolean>((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
  return `${host}:${free ? port : 0}`;
}
