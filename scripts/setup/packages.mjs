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
  say('installing packages (npm ci)');
  for (let attempt = 1; ; attempt += 1) {
    const { ok, log, tail } = npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { name: 'npm-ci' });
    if (ok) return;
    // A lock file that doesn't fit package.json stays so.
    if (attempt === 3 || tail.includes('EUSAGE'))
      throw new SetupError(`npm ci failed:\n${tail}\nThe whole output: ${log}`);
    say(`npm ci failed, again in ${attempt * 5} s`);
    pause(attempt * 5);
  }
}

function read(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
