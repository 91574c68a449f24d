import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { root, SetupError, say } from './run.mjs';

const dist = join(root, 'dist');
const stamp = join(dist, '.compiled');
const sources = ['src', 'topology', 'drizzle'];
const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** Whether dist/ is newer than all of its sources. A folder's time changes when a file in it is deleted. */
export function isCompiled() {
  if (!existsSync(stamp)) return false;
  const made = statSync(stamp).mtimeMs;
  const entries = sources
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => [
      folder,
      ...readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
    ]);
  return [...entries, ...settings].every((path) => statSync(join(root, path)).mtimeMs < made);
}

/** Compiles, and removes outdated files from dist/. */
export function compile() {
  // Taken before tsc runs: a file that is edited meanwhile must count as newer.
  const began = new Date();
  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--listEmittedFiles'],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const lines = tsc.stdout.split('\n');
  if (tsc.status !== 0) {
    throw new SetupError(`tsc failed:\n${lines.filter((line) => !line.startsWith('TSFILE:')).join('\n')}${tsc.stderr}`);
  }
  const emitted = new Set(
    lines.filter((line) => line.startsWith('TSFILE:')).map((line) => resolve(root, line.slice(7).trim())),
  );
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !emitted.has(file)) rmSync(file);
  }
  linkCommands();
  writeFileSync(stamp, '');
  utimesSync(stamp, began, began);
  say(`compiled ${emitted.size} files to dist/`);
}

/** Links the command in node_modules/.bin of the clone; npm links the commands of dependencies only. */
function linkCommands() {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
  for (const [command, file] of Object.entries(bin)) {
    if (!existsSync(join(root, file))) continue;
    chmodSync(join(root, file), 0o755);
    rmSync(join(root, 'node_modules/.bin', command), { force: true });
    symlinkSync(join('../..', file), join(root, 'node_modules/.bin', command));
  }
}
