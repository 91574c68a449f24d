#!/usr/bin/env node
/**
 * Prepares a fresh clone: installs the packages of package-lock.json, makes sure that the Kafka client's native module loads, and with
 * `--build` compiles src/ to dist/. Prints nothing if there is nothing to do. Plain Node, because nothing is installed yet.
 *
 *   node scripts/setup.mjs [--build | --rebuild]
 *
 * `--rebuild` compiles even when dist/ is newer than src/. Exit code 1 if something is missing that has to be installed by hand; the
 * commands are printed then.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compile, isCompiled } from './setup/compile.mjs';
import { clientLoads, ensureClient } from './setup/kafka-client.mjs';
import { withLock } from './setup/lock.mjs';
import { installPackages, packagesMatchLock } from './setup/packages.mjs';
import { root, SetupError, say } from './setup/run.mjs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const options = process.argv.slice(2);

try {
  if (major < 20 || (major === 20 && minor < 19))
    throw new SetupError(`Node ${process.versions.node} is too old: 20.19 or newer is required`);
  const unknown = options.find((option) => !['--build', '--rebuild'].includes(option));
  if (unknown !== undefined) throw new SetupError(`'${unknown}' is not an option (options: --build, --rebuild)`);
  const rebuild = options.includes('--rebuild');
  const build = rebuild || options.includes('--build');

  const installed = () => existsSync(join(root, 'node_modules')) && packagesMatchLock() && clientLoads();
  const ready = () => installed() && (!build || isCompiled());
  if (rebuild || !ready()) {
    const began = performance.now();
    await withLock(() => {
      if (!packagesMatchLock()) installPackages();
      ensureClient();
      if (rebuild || (build && !isCompiled())) compile();
    });
    say(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
