/**
 * The same records through three engines: the Node engine, Redpanda Connect with this project's plugins, and Redpanda Connect with its own
 * components, as near as these come.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- peers [--records 60000] [--only node,plugins,own]
 *
 * Rates and CPU are measured between two commits, so the start of the processes isn't part of them. CPU is in microseconds per record.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Pipeline } from '../src/testing/pipeline.ts';
import { markdown } from './markdown.ts';
import { ENGINES } from './peer-engines.ts';
import { runEngine } from './peer-run.ts';

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
    const { rate, rssMb, ...cpu } = await runEngine(engine, source, connect, records);
    const { processor, output, kafka, postgres, others } = cpu;
    const figures = [rate, cpu.engine, processor, output, kafka, postgres, others, rssMb];
    rows.push([
      engine.name,
      ...figures.map((each) => (each === 0 ? '' : Math.round(each).toLocaleString('en'))),
      engine.work,
    ]);
    console.error(rows.at(-1)?.join(' | '));
  }
  const cpu = ['CPU of the engine', 'of it processor', 'of it output', 'Kafka', 'PostgreSQL', 'other programs'];
  const heads = ['engine', 'records/s', ...cpu, 'RSS MB', 'work'];
  console.log(markdown(heads, rows));
}
