import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cache, npm, root, run, SetupError, say } from './run.mjs';

const name = '@confluentinc/kafka-javascript';
export const clientFolder = join(root, 'node_modules', name);
const binding = 'Release/confluent-kafka-javascript.node';
/** What a build leaves that is needed to run; the libraries are there only when it was linked dynamically. */
export const compiledFiles = ['deps/librdkafka.so.1', 'deps/librdkafka++.so.1', binding];
const debianPackages = [
  ...['build-essential', 'python3'],
  ...['libcurl4-openssl-dev', 'libssl-dev', 'libsasl2-dev', 'zlib1g-dev', 'libzstd-dev', 'liblz4-dev'],
];

/** True when the native module can be loaded by this Node. */
export function clientLoads() {
  const file = join(clientFolder, 'build', binding);
  if (!existsSync(file)) return false;
  try {
    createRequire(import.meta.url)(file);
    return true;
  } catch {
    return false;
  }
}

/** Gets the native module: from the cache of an earlier clone, else prebuilt from its project, else by compiling it (2 minutes). */
export function ensureClient() {
  if (loadsInNewProcess()) return;
  const kept = cacheFolder();
  if (existsSync(kept)) {
    put(kept, join(clientFolder, 'build'));
    if (loadsInNewProcess()) return say(`took the compiled Kafka client from ${kept}`);
  }
  if (!downloadPrebuilt()) build();
  keep(kept);
}

/** A module that failed to load once stays failed in its process, so every check after a change is made in a new one. */
function loadsInNewProcess() {
  const file = join(clientFolder, 'build', binding);
  return (
    existsSync(file) &&
    spawnSync(process.execPath, ['-e', 'require(process.argv[1])', file], { stdio: 'ignore' }).status === 0
  );
}

function downloadPrebuilt() {
  say('downloading the prebuilt Kafka client');
  const installer = createRequire(join(clientFolder, 'package.json')).resolve('@mapbox/node-pre-gyp/bin/node-pre-gyp');
  rmSync(join(clientFolder, 'build'), { recursive: true, force: true });
  return (
    run(process.execPath, [installer, 'install'], { name: 'prebuilt', cwd: clientFolder, timeoutSeconds: 120 }).ok &&
    loadsInNewProcess()
  );
}

function build() {
  const missing = missingDebianPackages();
  if (missing === undefined || (missing.length > 0 && process.getuid?.() !== 0))
    throw new SetupError(whatToType(missing));
  if (missing.length > 0) aptInstall(missing);
  say('the prebuilt Kafka client could not be had: compiling it (about 2 minutes)');
  // A Node from a package or an archive brings its headers; without this node-gyp would download them.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include/node/node.h')) ? { npm_config_nodedir: prefix } : {};
  const { ok, log, tail } = npm(['rebuild', name, '--foreground-scripts'], {
    name: 'kafka-client',
    // One job: the makefile forgets that the client's sources wait for librdkafka, which is compiled in parallel all the same.
    env: { CKJS_LINKING: 'dynamic', ...headers, ...process.env, JOBS: '1' },
  });
  if (!ok || !loadsInNewProcess())
    throw new SetupError(`compiling the Kafka client failed:\n${tail}\nThe whole output: ${log}`);
}

/** @returns {string[] | undefined} undefined where there is no dpkg to ask */
function missingDebianPackages() {
  if (spawnSync('dpkg', ['--version'], { stdio: 'ignore' }).status !== 0) return undefined;
  const installed = (wanted) =>
    spawnSync('dpkg', ['-s', wanted], { encoding: 'utf8' }).stdout.includes('Status: install ok installed');
  return debianPackages.filter((wanted) => !installed(wanted));
}

function aptInstall(packages) {
  say(`installing ${packages.join(' ')} (apt-get)`);
  const apt = (...args) =>
    run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      name: 'apt',
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
  for (let attempt = 1; ; attempt += 1) {
    apt('update');
    const { ok, tail } = apt('install', '-y', '--no-install-recommends', ...packages);
    if (ok) return;
    if (attempt === 3) throw new SetupError(`apt-get failed:\n${tail}`);
  }
}

function whatToType(missing) {
  const why = 'the prebuilt Kafka client could not be downloaded, and compiling it needs system packages.';
  return missing === undefined
    ? `${why} Install a C++ compiler, make, python3 and the development files of curl, openssl, sasl2, zlib, zstd and lz4, then type:
  CKJS_LINKING=dynamic npm rebuild ${name}`
    : `${why} Type this line, then run this again:
  sudo apt-get update && sudo apt-get install -y ${missing.join(' ')}`;
}

/** One folder for each thing that makes a binary differ. */
function cacheFolder() {
  const { version } = JSON.parse(readFileSync(join(clientFolder, 'package.json'), 'utf8'));
  // The report knows the C library; without the network part it is made in milliseconds.
  process.report.excludeNetwork = true;
  const libc =
    process.platform !== 'linux' ? 'system' : process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
  return join(
    cache,
    `kafka-client-${version}-abi${process.versions.modules}-${process.platform}-${libc}-${process.arch}`,
  );
}

/** Other clones may do the same at the same moment: a folder is filled under another name and appears whole. */
function keep(target) {
  const fresh = `${target}.${process.pid}`;
  try {
    put(join(clientFolder, 'build'), fresh);
    rmSync(target, { recursive: true, force: true });
    renameSync(fresh, target);
  } catch {
    // A cache that can't be written costs the next clone time, nothing else.
    rmSync(fresh, { recursive: true, force: true });
  }
}

function put(from, to) {
  for (const file of compiledFiles.filter((one) => existsSync(join(from, one)))) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    // By rename, so that a process that has the old file loaded keeps it.
    copyFileSync(join(from, file), join(to, `${file}.${process.pid}`));
    renameSync(join(to, `${file}.${process.pid}`), join(to, file));
  }
}
