/**
 * Runs a tool of this folder: `node scripts/typescript-tools/run.mjs api` builds the API reference in docs/api from the compiled
 * declarations and checks its links; `… attw TARBALL` checks how the types of a packed package resolve. Exit code 1 on any finding.
 * The tools are installed when they are first run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { npm, pause, root, SetupError, say } from '../setup/run.mjs';
import { brokenLinks } from './broken-links.mjs';

const folder = import.meta.dirname;
const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

function isInstalled() {
  return Object.entries(dependencies).every(([name, version]) => {
    const file = join(folder, 'node_modules', name, 'package.json');
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  });
}

/** Registries fail temporarily. */
function install() {
  for (let attempt = 1; ; attempt += 1) {
    say('installing typedoc and attw');
    const args = ['install', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    const { ok, tail } = npm(args, { name: 'typescript-tools', cwd: folder });
    if (ok) return;
    if (attempt === 3) throw new SetupError(`npm failed:\n${tail}`);
    pause(attempt * 5);
  }
}

function node(script, args) {
  const { status } = spawnSync(process.execPath, [join(folder, 'node_modules', script), ...args], {
    cwd: folder,
    stdio: 'inherit',
  });
  return status ?? 1;
}

const TOOLS = {
  api() {
    const code = node('typedoc/bin/typedoc', ['--options', 'typedoc.json']);
    if (code !== 0) return code;
    const broken = brokenLinks(join(root, 'docs/api'));
    for (const { page, link } of broken) console.error(`${page}: there is no ${link}`);
    return broken.length === 0 ? 0 : 1;
  },
  /** `esm-only`: the package is ESM and for Node 20 and newer. The configuration has no types. */
  attw: ([tarball = '']) =>
    node('@arethetypeswrong/cli/dist/index.js', [
      resolve(tarball),
      ...['--profile', 'esm-only', '--exclude-entrypoints', 'redpanda.yaml'],
    ]),
};

const [name, ...args] = process.argv.slice(2);
const tool = TOOLS[name];
if (tool === undefined) throw new SetupError(`expected one of ${Object.keys(TOOLS).join(', ')}, not ${name}`);
if (!isInstalled()) install();
process.exitCode = tool(args);
