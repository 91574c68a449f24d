import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cache, npm, root, run, SetupError, say } from './run.mjs';

const name = '@confluentinc/kafka-javascript';
export const clientFolder = join(root, 'node_modules', name);
const binding = 'Release/confluent-kafka-javascript.node';
/** The files of a build that are needed to run. The libraries exist only if it was linked dynamically. */
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

/** Provides the native module: from the cache of another clone, else prebuilt from its project, else compiled (2 minutes). */
export function ensureClient() {
  if (loadsInNewProcess()) return;
  const kept = cacheFolder();
  if (existsSync(kept)) {
    put(kept, join(clientFolder, 'build'));
    if (loadsInNewProcess()) return say(`using the compiled Kafka client in ${kept}`);
  }
  if (!downloadPrebuilt()) build();
  keep(kept);
}

/** A module that failed to load can't be loaded again in the same process, so each check uses a new one. */
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
  say('the prebuilt Kafka client could not be downloaded; compiling it (about 2 minutes)');
  // A Node from a package or an archive includes its headers; without this setting node-gyp would download them.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include/node/node.h')) ? { npm_config_nodedir: prefix } : {};
  const { ok, log, tail } = npm(['rebuild', name, '--foreground-scripts'], {
    name: 'kafka-client',
    // One job: the makefile lacks the dependency of the client's sources on librdkafka, which is compiled in parallel anyway.
    env: { CKJS_LINKING: 'dynamic', ...headers, ...process.env, JOBS: '1' },
  });
  if (!ok || !loadsInNewProcess())
    throw new SetupError(`compiling the Kafka client failed:\n${tail}\nComplete output: ${log}`);
}

/** @returns {string[] | undefined} undefined without dpkg */
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

/** A cache folder for each combination that makes a binary differ. */
function cacheFolder() {
  const { version } = JSON.parse(readFileSync(join(clientFolder, 'package.json'), 'utf8'));
  // The report names the C library. Without its network part it takes milliseconds.
  process.report.excludeNetwork = true;
  const libc =
    process.platform !== 'linux' ? 'system' : process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
  return join(
    cache,
    `kafka-client-${version}-abi${process.versions.modules}-${process.platform}-${libc}-${process.arch}`,
  );
}

/** Other clones may do the same concurrently: a folder is filled under another name and then renamed. */
function keep(target) {
  const fresh = `${target}.${process.pid}`;
  try {
    put(join(clientFolder, 'build'), fresh);
    rmSync(target, { recursive: true, force: true });
    renameSync(fresh, target);
  } catch {
    // Without the cache, the next clone only takes longer.
    rmSync(fresh, { recursive: true, force: true });
  }
}

function put(from, to) {
  for (const file of compiledFiles.filter((one) => existsSync(join(from, one)))) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    // By rename, so that a process that has loaded the old file keeps it.
    copyFileSync(join(from, file), join(to, `${file}.${process.pid}`));
    renameSync(join(to, `${file}.${process.pid}`), join(to, file));
  }
}
