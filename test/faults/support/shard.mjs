/** One shard of the fault suite: a Kafka broker, a PostgreSQL server, and a test process that breaks them. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

const SERVICES = 'scripts/services.sh';
/** Enough for the write-ahead log and the tables of a seed; small enough to be filled quickly. */
const DISK_MB = 700;

/**
 * Runs the test files with these seeds. `kind`: only faults of that kind; `only`: tests whose names match. Resolves with vitest's exit
 * code, one entry per seed, and the folder of the logs, which is removed when the code is 0.
 */
export async function runShard({ seeds, files, database, kind, only }) {
  const folder = mkdtempSync('/var/tmp/wado-faults-');
  // The postgres user needs access.
  chmodSync(folder, 0o755);
  const totals = join(folder, 'totals.jsonl');
  writeFileSync(totals, '');
  const disk = join(folder, 'services', 'postgres');
  const mounted = mountDisk(disk);
  const env = {
    ...environment(folder),
    WADO_FAULTS_DATABASES: database,
    WADO_FAULTS_SEEDS: seeds.join(','),
    WADO_FAULTS_TOTALS: totals,
    WADO_FAULTS_FOLDER: folder,
    ...(mounted ? { WADO_FAULTS_DISK: disk } : {}),
    ...(kind === undefined ? {} : { WADO_FAULTS_KIND: kind }),
  };

  let code = 1;
  let child;
  const pass = (signal) => child?.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, pass);
  try {
    // Each run has a PostgreSQL database, also one whose configuration has none.
    const others = database.split(',').filter((name) => name !== 'postgres');
    must('bash', [SERVICES, 'up', 'kafka', 'postgres', ...others], env);
    await configurePostgres(env.WADO_FAULTS_DSN);
    must('bash', [SERVICES, 'restart', 'postgres'], env);
    const names = only === undefined ? [] : ['-t', only];
    const reporter = ['--reporter', 'verbose', '--disable-console-intercept'];
    const args = ['run', ...files, '--project', 'faults', ...reporter, ...names];
    child = spawn('node_modules/.bin/vitest', args, { stdio: 'inherit', env });
    code = await new Promise((resolve) => child.on('exit', (status) => resolve(status ?? 1)));
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, pass);
    spawnSync('bash', [SERVICES, 'down'], { env });
    if (mounted) spawnSync('umount', [disk], { stdio: 'inherit' });
  }
  const lines = readFileSync(totals, 'utf8').split('\n').filter(Boolean);
  if (code === 0) rmSync(folder, { recursive: true, force: true });
  return { code, folder, totals: lines.map((line) => JSON.parse(line)) };
}

function environment(folder) {
  const [kafka, postgres, behindProxy, proxy, mysql] = freePorts();
  const [, mariadb] = freePorts();
  return {
    ...process.env,
    WADO_SERVICES_DIR: join(folder, 'services'),
    WADO_SERVICES_ENV_FILE: join(folder, 'env'),
    // The broker is restarted often: the second compiler tier never pays off.
    WADO_KAFKA_JAVA_OPTS: '-Xms128m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1',
    WADO_KAFKA_PORT: String(kafka),
    WADO_POSTGRES_PORT: String(postgres),
    WADO_KAFKA_PROPERTIES: brokerProperties(kafka, behindProxy, proxy).join('\n'),
    WADO_FAULTS_KAFKA: `127.0.0.1:${kafka}`,
    WADO_FAULTS_KAFKA_PROXY: `${behindProxy},${proxy}`,
    WADO_MYSQL_PORT: String(mysql),
    WADO_MARIADB_PORT: String(mariadb),
    WADO_FAULTS_MYSQL_DSN: `mysql://dicom:dicom@127.0.0.1:${mysql}/dicom`,
    WADO_FAULTS_MARIADB_DSN: `mysql://dicom:dicom@127.0.0.1:${mariadb}/dicom`,
    WADO_FAULTS_DSN: `postgres://postgres@127.0.0.1:${postgres}/dicom`,
  };
}

function brokerProperties(kafka, behindProxy, proxy) {
  return [
    `listeners=PLAINTEXT://127.0.0.1:${kafka},PROXIED://127.0.0.1:${behindProxy},CONTROLLER://127.0.0.1:${kafka + 1}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${kafka},PROXIED://127.0.0.1:${proxy}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // A deleted topic must stay deleted.
    'auto.create.topics.enable=false',
    // The verdict reads from the log when a record was appended.
    'log.message.timestamp.type=LogAppendTime',
    // Random sequences use short sessions, so that they don't wait long for members that were killed.
    'group.min.session.timeout.ms=1000',
    'group.consumer.min.session.timeout.ms=1000',
    'group.consumer.session.timeout.ms=2000',
    'group.consumer.min.heartbeat.interval.ms=100',
    'group.consumer.heartbeat.interval.ms=500',
  ];
}

function freePorts() {
  const { stdout } = spawnSync(process.execPath, ['scripts/ci/free-ports.mjs'], { encoding: 'utf8' });
  return stdout.trim().split(' ').map(Number);
}

function mountDisk(disk) {
  mkdirSync(disk, { recursive: true });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=700`, 'tmpfs', disk]);
  if (status === 0) return true;
  console.log("skipped: PostgreSQL's disk full: no tmpfs can be mounted here");
  return false;
}

async function configurePostgres(dsn) {
  const client = new pg.Client(dsn);
  await client.connect();
  // The verdict asks the server when a row was committed.
  await client.query('alter system set track_commit_timestamp = on');
  // The write-ahead log alone must not fill the disk.
  await client.query("alter system set max_wal_size = '128MB'");
  await client.query("alter system set min_wal_size = '64MB'");
  await client.end();
}

function must(command, args, env) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}
