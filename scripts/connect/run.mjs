/**
 * `npm run connect [-- --once]`: the shipped redpanda.yaml with this project's plugins in the real Redpanda Connect, on sample studies.
 * Prints what has reached the tables and topics, and removes everything at its end: topics, database, servers, files.
 *
 * Starts Kafka and PostgreSQL on free ports, or uses those of KAFKA_BROKERS and POSTGRES_DSN, with topics and a database of its own names.
 * Without --once it continues until Ctrl-C. Exit codes: 0; 1 if something is missing or fails; 2 if not everything arrives within a minute.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { Pipeline, readTopic } from 'wado-consumer/testing';
import { findConnect } from './find.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ARRIVES_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 15_000;
const COUNT = `
  select (select count(distinct (tenant_id, study_uid)) from dicom_state_meta)::int as studies,
         (select count(*) from dicom_state_meta)::int as series, (select count(*) from dicom_image_meta)::int as images`;

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => stopping.abort());
/** What to undo at the end, the last first. */
const undo = [];

const isOnce = process.argv.includes('--once');
try {
  const unknown = process.argv.slice(2).find((option) => option !== '--once');
  if (unknown !== undefined) throw new Error(`'${unknown}' is not an option (option: --once)`);
  process.exitCode = await main();
} catch (error) {
  // Ctrl-C is the ordinary end without --once.
  const isStopped = stopping.signal.aborted;
  if (!isStopped) console.error(error.message || error.code);
  process.exitCode = isStopped && !isOnce ? 0 : 1;
} finally {
  for (const step of undo.reverse()) await step().catch((error) => console.error(error.message || error.code));
}
// The Kafka client's connections would keep the process alive.
process.exit();

async function main() {
  const command = findConnect();
  const [kafkaPort, postgresPort, , httpPort] = execFileSync(process.execPath, ['scripts/ci/free-ports.mjs'], {
    cwd: ROOT,
  })
    .toString()
    .split(' ');

  const pipeline = await Pipeline.create(await startServers(kafkaPort, postgresPort));
  undo.push(() => pipeline[Symbol.asyncDispose]());
  const env = { ...process.env, ...pipeline.env, HTTP_ADDRESS: `127.0.0.1:${httpPort.trim()}` };
  await wadoConsumer(env, 'migrate', 'redpanda.yaml');
  const written = await wadoConsumer(env, 'samples', pipeline.store);
  const [studies, series, images] = written.match(/\d+/g).map(Number);
  await wadoConsumer(env, 'publish', pipeline.store, '--config', 'redpanda.yaml');

  stopping.signal.throwIfAborted();
  const connect = startConnect(command, env, pipeline.log);
  const wanted = { studies, series, images, 'state topic': series, 'image topic': images, 'dead letters': 0, lag: 0 };
  const isComplete = await showUntilComplete(pipeline, wanted, connect);
  if (isOnce) return isComplete ? 0 : 2;
  console.log(`
Redpanda Connect continues until Ctrl-C: http://${env.HTTP_ADDRESS}/metrics
  brokers  ${pipeline.brokers}, topics ${Object.values(pipeline.topics).join(', ')}
  tables   psql ${pipeline.dsn}`);
  await Promise.race([once(stopping.signal, 'abort'), connect.failed]);
  return 0;
}

/** The servers that the environment names; those that it doesn't are started. */
async function startServers(kafkaPort, postgresPort) {
  const { KAFKA_BROKERS: brokers, POSTGRES_DSN: dsn } = process.env;
  const started = [...(brokers ? [] : ['kafka']), ...(dsn ? [] : ['postgres'])];
  if (started.length > 0) {
    const folder = mkdtempSync('/var/tmp/wado-connect-');
    // The user `postgres`, who runs the server if this is root, must be able to enter it.
    chmodSync(folder, 0o755);
    const env = {
      ...process.env,
      WADO_KAFKA_PORT: kafkaPort,
      WADO_POSTGRES_PORT: postgresPort,
      WADO_SERVICES_DIR: join(folder, 'data'),
      WADO_SERVICES_ENV_FILE: join(folder, 'env'),
    };
    const services = async (...words) => {
      const child = spawn(join(ROOT, 'scripts', 'services.sh'), words, {
        cwd: ROOT,
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`scripts/services.sh ${words.join(' ')} failed: the lines above say why`);
    };
    undo.push(async () => {
      await services('down');
      rmSync(folder, { recursive: true, force: true });
    });
    await services('up', ...started);
  }
  stopping.signal.throwIfAborted();
  return {
    brokers: brokers || `127.0.0.1:${kafkaPort}`,
    dsn: dsn || `postgres://postgres@127.0.0.1:${postgresPort}/dicom`,
  };
}

/** Runs a verb of this package's command, shows its output and returns it. */
async function wadoConsumer(env, ...words) {
  stopping.signal.throwIfAborted();
  const command = join(ROOT, 'dist/src/cli/wado-consumer.cjs');
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...words], { cwd: ROOT, env });
  process.stdout.write(stdout);
  return stdout;
}

/** Starts Redpanda Connect. `failed` rejects when it ends before this program stops it. */
function startConnect([program, ...before], env, log) {
  const file = openSync(log, 'a');
  const words = [...before, 'run', '--rpc-plugins=plugins/*.yaml', 'redpanda.yaml'];
  console.log(`$ ${[program, ...words].join(' ')}`);
  const child = spawn(program, words, { cwd: ROOT, env, stdio: ['ignore', file, file] });
  const exited = once(child, 'exit');
  undo.push(async () => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
    await exited;
    clearTimeout(kill);
  });
  const failed = exited.then(([code, signal]) => {
    const end = readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n');
    throw new Error(`Redpanda Connect has ended (${signal ?? `exit code ${code}`}). The end of its log:\n${end}`);
  });
  failed.catch(() => undefined);
  return { failed };
}

/** Prints the counts whenever they have changed. Returns whether all reached the wanted ones within a minute. */
async function showUntilComplete(pipeline, wanted, connect) {
  const client = new pg.Client(pipeline.dsn);
  await client.connect();
  undo.push(() => client.end());
  const end = performance.now() + ARRIVES_WITHIN_MS;
  let last = '';
  for (;;) {
    const { rows } = await client.query(COUNT);
    const found = {
      ...rows[0],
      'state topic': await distinctKeys(pipeline, pipeline.topics.state),
      'image topic': await distinctKeys(pipeline, pipeline.topics.image),
      'dead letters': await distinctKeys(pipeline, pipeline.topics.deadLetter),
      lag: await pipeline.lag(),
    };
    const names = Object.keys(wanted);
    const line = names.map((name) => `${name} ${found[name]}${wanted[name] ? `/${wanted[name]}` : ''}`).join('  ');
    if (line !== last) console.log(line);
    last = line;
    if (names.every((name) => found[name] === wanted[name])) {
      console.log('Everything that was published is accounted for.');
      return true;
    }
    if (performance.now() > end) {
      console.error(`Not everything has arrived after ${ARRIVES_WITHIN_MS / 1000} s.`);
      return false;
    }
    await Promise.race([sleep(500, undefined, { signal: stopping.signal }), connect.failed]);
  }
}

/** The number of series, images or dead letters in a topic: a series may have several records, all with its key. */
async function distinctKeys({ brokers }, topic) {
  const keys = new Set();
  for await (const { key } of readTopic({ 'bootstrap.servers': brokers }, topic)) keys.add(String(key));
  return keys.size;
}
