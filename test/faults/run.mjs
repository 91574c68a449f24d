/**
 * npm run faults -- [--seeds N] [--seed S] [--only TEXT]
 *
 * Builds, starts a Kafka and a PostgreSQL of its own, runs the fault tests against them and stops them again.
 *   --seeds N    so many random sequences of five faults each, after the named scenarios [8]
 *   --seed S     only that sequence, as it was
 *   --only TEXT  only tests whose names match
 *   --no-build   the service as it stands in dist/
 * Last line: seeds, faults, passed, failed. Exit code 1 when a test failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';

const repo = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(repo);
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '8' },
    seed: { type: 'string' },
    only: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});

const must = (command, args, env) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
};

if (!values['no-build']) must(process.execPath, ['scripts/setup.mjs', '--build'], process.env);

const folder = mkdtempSync('/var/tmp/wado-faults-');
// The postgres user must be able to walk there.
chmodSync(folder, 0o755);
const ports = spawnSync(process.execPath, ['scripts/ci/free-ports.mjs'], { encoding: 'utf8' })
  .stdout.trim()
  .split(' ')
  .map(Number);
const [kafka, postgres, behindProxy, proxy] = ports;
const properties = [
  `listeners=PLAINTEXT://127.0.0.1:${kafka},PROXIED://127.0.0.1:${behindProxy},CONTROLLER://127.0.0.1:${kafka + 1}`,
  `advertised.listeners=PLAINTEXT://127.0.0.1:${kafka},PROXIED://127.0.0.1:${proxy}`,
  'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
  // A missing topic must be missing.
  'auto.create.topics.enable=false',
  // When a record was stored is read from the log itself.
  'log.message.timestamp.type=LogAppendTime',
  // Random sequences use short sessions: their time goes into faults, not into waiting for the dead.
  'group.min.session.timeout.ms=1000',
  'group.consumer.min.session.timeout.ms=1000',
  'group.consumer.session.timeout.ms=2000',
  'group.consumer.min.heartbeat.interval.ms=100',
  'group.consumer.heartbeat.interval.ms=500',
];
const dsn = `postgres://postgres@127.0.0.1:${postgres}/dicom`;
const totals = join(folder, 'totals.jsonl');
const env = {
  ...process.env,
  WADO_SERVICES_DIR: join(folder, 'services'),
  WADO_SERVICES_ENV_FILE: join(folder, 'env'),
  WADO_KAFKA_PORT: String(kafka),
  WADO_POSTGRES_PORT: String(postgres),
  WADO_KAFKA_PROPERTIES: properties.join('\n'),
  WADO_FAULTS_KAFKA: `127.0.0.1:${kafka}`,
  WADO_FAULTS_KAFKA_PROXY: `${behindProxy},${proxy}`,
  WADO_FAULTS_DSN: dsn,
  WADO_FAULTS_TOTALS: totals,
  WADO_FAULTS_FOLDER: folder,
  ...(values.seed === undefined ? { WADO_FAULTS_SEEDS: values.seeds } : { WADO_FAULTS_SEED: values.seed }),
};

let code = 1;
const began = Date.now();
let child;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child?.kill(signal));
try {
  writeFileSync(totals, '');
  must('bash', ['scripts/services.sh', 'up', 'kafka', 'postgres'], env);
  // When a row was stored, too.
  const client = new pg.Client(dsn);
  await client.connect();
  await client.query('alter system set track_commit_timestamp = on');
  await client.end();
  must('bash', ['scripts/services.sh', 'restart', 'postgres'], env);
  const only =
    values.seed !== undefined ? ['-t', `seed ${values.seed}:`] : values.only === undefined ? [] : ['-t', values.only];
  child = spawn('node_modules/.bin/vitest', ['run', '--project', 'faults', '--reporter', 'verbose', ...only], {
    stdio: 'inherit',
    env,
  });
  code = await new Promise((resolve) => child.on('exit', (status) => resolve(status ?? 1)));
} finally {
  spawnSync('bash', ['scripts/services.sh', 'down'], { env });
  const lines = existsSync(totals)
    ? readFileSync(totals, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : [];
  const failed = lines.filter((line) => !line.passed);
  const faults = lines.reduce((sum, line) => sum + line.faults, 0);
  for (const line of failed) console.log(`seed ${line.seed} failed; again: npm run faults -- --seed ${line.seed}`);
  console.log(
    `${lines.length} seeds, ${faults} faults, ${lines.length - failed.length} passed, ${failed.length} failed, ${Math.round((Date.now() - began) / 1000)} s`,
  );
  if (code === 0) rmSync(folder, { recursive: true, force: true });
  else console.log(`logs of what failed: ${folder}`);
}
process.exit(code);
