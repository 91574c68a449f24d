import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm, pause, root, SetupError, say } from './run.mjs';

/**
 * Whether node_modules contains the packages of package-lock.json. Compares contents, not times: a checkout changes the lock file's time,
 * and reinstalling takes a minute. npm records what it installed in node_modules/.package-lock.json.
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

/** Runs `npm ci`, up to three times: registries fail temporarily. Install scripts are not run; kafka-client.mjs does what is needed. */
export function installPackages() {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  let command = ['ci'];
  for (let attempt = 1; ; attempt += 1) {
    say(`installing packages (npm ${command.join(' ')})`);
    const { ok, log, tail } = npm([...command, ...quiet], { name: 'npm' });
    if (ok) return;
    if (command[0] === 'ci' && readFileSync(log, 'utf8').includes('EUSAGE')) {
      // `npm ci` may refuse a lock file that was made with a registry without the packages of every platform (npm's issue 4828).
      // `npm install` uses the same versions and doesn't write the lock file.
      command = ['install', '--no-save'];
      continue;
    }
    if (attempt === 3) throw new SetupError(`npm failed:\n${tail}\nComplete output: ${log}`);
    say(`npm failed, retry in ${attempt * 5} s`);
    pause(attempt * 5);
  }
}

function read(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
