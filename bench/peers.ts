/**
 * The same records through three engines: the Node engine, Redpanda Connect with this project's plugins, and Redpanda Connect with its own
 * components, as near as these come.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- peers [--records 60000] [--only node,plugins,own]
 *
 * A rate is measured from the first committed offset to the last one. CPU is that of the engine's processes, from their start.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import { DICOM_STORE_META_FIELDS } from '../src/records/dicom-store-meta.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { markdown } from './markdown.ts';
import { processTree, type TreeProcess } from './process-tree.ts';

interface Engine {
  readonly name: string;
  readonly work: string;
  readonly command: (connect: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The configuration file; default: the shipped redpanda.yaml. */
  readonly config?: (target: Pipeline) => string;
}

const ALL = 'headers read; 3 tables, 2 topics, dead letters';
const ENGINES: Readonly<Record<string, Engine>> = {
  node: {
    name: 'wado-consumer',
    work: ALL,
    command: () => [process.execPath, '--max-semi-space-size=32', 'dist/src/cli/wado-consumer.cjs'],
  },
  plugins: {
    name: 'Redpanda Connect with the plugins',
    work: ALL,
    command: (connect) => [connect],
    env: { RPC_PLUGINS: resolve('plugins/*.yaml') },
  },
  own: {
    name: 'Redpanda Connect with its own components',
    work: 'no header; 1 table (`sql_insert`), 2 topics',
    command: (connect) => [connect],
    config: ownComponents,
  },
};

interface Outcome {
  readonly rate: number;
  readonly cpuMicros: number;
  readonly processorMicros: number;
  readonly outputMicros: number;
  readonly rssMb: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '60000' },
      only: { type: 'string', default: Object.keys(ENGINES).join(',') },
    },
  });
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');
  const connect = execFileSync('sh', ['scripts/connect/build.sh'], { encoding: 'utf8' }).trim();
  const records = Number(values.records);

  await using source = await Pipeline.create({ brokers, dsn });
  console.error(`writing ${records} files and publishing their records`);
  await source.publish({ count: records });
  const rows: string[][] = [];
  for (const name of values.only.split(',')) {
    const engine = ENGINES[name];
    if (engine === undefined) throw new Error(`there is no engine ${name}`);
    const { rate, ...costs } = await measure(engine, source, connect, records);
    const figures = [rate, costs.cpuMicros, costs.processorMicros, costs.outputMicros, costs.rssMb];
    rows.push([
      engine.name,
      ...figures.map((each) => (each === 0 ? '' : Math.round(each).toLocaleString('en'))),
      engine.work,
    ]);
    console.error(rows.at(-1)?.join(' | '));
  }
  const heads = ['engine', 'records/s', 'CPU µs/record', 'of it processor', 'of it output', 'RSS MB', 'work'];
  console.log(markdown(heads, rows));
}

async function measure(engine: Engine, source: Pipeline, connect: string, records: number): Promise<Outcome> {
  await using target = await Pipeline.create({ brokers: source.brokers, dsn: source.dsn });
  await migratePostgres(target.dsn);
  const env = { STORAGE_TOPIC: source.topics.input, STORAGE_ROOT: source.store, LOG_LEVEL: 'WARN', ...engine.env };
  const service = target.start(env, [], {
    command: engine.command(connect),
    ...(engine.config === undefined ? {} : { config: engine.config(target) }),
  });
  let began = Number.NaN;
  let first = 0;
  let rssMb = 0;
  for (;;) {
    await sleep(100);
    const done = records - (await source.lag(target.group));
    if (Number.isNaN(began) && done > 0) {
      began = performance.now();
      first = done;
    }
    const tree = processTree(service.pid);
    rssMb = Math.max(
      rssMb,
      tree.reduce((sum, each) => sum + each.rssMb, 0),
    );
    if (done < records) continue;
    const seconds = (performance.now() - began) / 1_000;
    await service.signal('SIGTERM');
    return { rate: (records - first) / seconds, rssMb, ...costsOf(tree, records) };
  }
}

function costsOf(tree: readonly TreeProcess[], records: number) {
  const micros = (belongs: (command: string) => boolean) =>
    (tree.reduce((sum, each) => sum + (belongs(each.command) ? each.cpuSeconds : 0), 0) * 1e6) / records;
  return {
    cpuMicros: micros(() => true),
    processorMicros: micros((command) => command.endsWith('plugin group_dicom_state')),
    outputMicros: micros((command) => command.endsWith('plugin dicom_store')),
  };
}

/** Redpanda Connect's own components with the settings of redpanda.yaml. */
function ownComponents(target: Pipeline): string {
  const file = join(target.folder, 'own-components.yaml');
  const brokers = JSON.stringify(target.brokers);
  const topic = (name: string) =>
    `{ redpanda: { seed_brokers: [${brokers}], topic: ${name}, key: "\${! @kafka_key }", compression: lz4 } }`;
  writeFileSync(
    file,
    `http: { enabled: false }
logger: { level: WARN }
input:
  redpanda:
    seed_brokers: [${brokers}]
    topics: ["\${STORAGE_TOPIC}"]
    consumer_group: ${target.group}
    commit_period: 1s
    unordered_processing: { enabled: true, checkpoint_limit: 2048, batching: { count: 50, period: 1s } }
output:
  broker:
    pattern: fan_out
    outputs:
      - sql_insert:
          driver: postgres
          dsn: "${target.dsn}?sslmode=disable"
          table: dicom_object_meta
          columns: [${DICOM_STORE_META_FIELDS.join(', ')}]
          args_mapping: 'root = [${DICOM_STORE_META_FIELDS.map((field) => `this.${field}`).join(', ')}]'
          suffix: ON CONFLICT DO NOTHING
          max_in_flight: 4
      - ${topic(target.topics.state)}
      - ${topic(target.topics.image)}
`,
  );
  return file;
}
