import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm, pause, root, SetupError, say } from './run.mjs';

/**
 * True when node_modules holds what package-lock.json names. Compares contents, not times: a checkout touches the lock file, and
 * reinstalling costs a minute. npm keeps its own record of what it installed in node_modules/.package-lock.json.
 */
export function packagesMatchLock() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = read(join(root, 'package-lock.json'));
  const installed = read(record);
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const there = installed[path];
    if (there === undefined) return optional === true || wanted[path].peer === true;
    return there.version === version && there.integrity === integrity;
  });
}

/** `npm ci`, three times if need be: registries have hiccups. Install scripts don't run; the one that matters has its own step. */
export function installPackages() {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  let command = ['ci'];
  for (let attempt = 1; ; attempt += 1) {
    say(`installing packages (npm ${command.join(' ')})`);
    const { ok, log, tail } = npm([...command, ...quiet], { name: 'npm' });
    if (ok) return;
    if (command[0] === 'ci' && readFileSync(log, 'utf8').includes('EUSAGE')) {
      // A registry that doesn't carry the packages of every platform makes a lock file that `npm ci` refuses elsewhere (npm's issue 4828).
      // The versions are the lock file's all the same, and it is not written.
      command = ['install', '--no-save'];
      continue;
    }
    if (attempt === 3) throw new SetupError(`npm failed:\n${tail}\nThe whole output: ${log}`);
    say(`npm failed, again in ${attempt * 5} s`);
    pause(attempt * 5);
  }
}

function read(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
