/**
 * Throughput and CPU of the database sinks on real servers, compared in one run with each engine's own bulk load of the same rows and with
 * drizzle's plain upsert.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- sinks [--databases postgres,mysql,mariadb,doris] [--records 10000]
 *     [--batches 50,1000] [--in-flight 1,2,4] [--rows 0,1000000] [--rounds 3]
 *
 * `doris` measures the sink alone, with a double of Doris: it acknowledges once per load, so it takes e.g. `--in-flight 200 --rows 0`.
 * `--rows`: rows in each table before the measurement. Every key is new. `in flight` is the number of batches and of connections. CPU is that
 * of this process. The bulk load's rows are encoded beforehand, so its CPU lacks the encoding; `encoded` is the same load of PostgreSQL with
 * rows that are encoded when they are written. Rates and CPU are medians of the rounds;
 * ratios are medians of the ratios within a round.
 */

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { markdown } from './markdown.ts';
import { median } from './median.ts';
import { type BenchBatch, type Form, makeBatches } from './sinks/batches.ts';
import type { BenchDatabase, Way } from './sinks/contender.ts';
import { openDorisBench } from './sinks/doris.ts';
import { openMysqlBench } from './sinks/mysql.ts';
import { openPostgresBench } from './sinks/postgres.ts';

interface Opener {
  /** Has the DSN of a server's administrator. */
  readonly variable?: string;
  readonly open: (server: string) => Promise<BenchDatabase>;
}

const OPENERS: Readonly<Record<string, Opener>> = {
  postgres: { variable: 'WADO_TEST_POSTGRES_DSN', open: openPostgresBench },
  mysql: { variable: 'WADO_TEST_MYSQL_DSN', open: (server) => openMysqlBench('mysql', server) },
  mariadb: { variable: 'WADO_TEST_MARIADB_DSN', open: (server) => openMysqlBench('mariadb', server) },
  doris: { open: openDorisBench },
};
const WAYS = ['sink', 'bulk', 'encodedBulk', 'plain'] as const;
const FORMS = { sink: 'records', bulk: 'text', encodedBulk: 'records', plain: 'objects' } as const satisfies Record<
  (typeof WAYS)[number],
  Form
>;

/** The number of records that each way stores before it is measured: connections, prepared statements, compiled code. */
const WARM_UP = 5_000;

/** The number of records that fill a table in one transaction. */
const FILL = 5_000;

// The garbage of making batches must not be collected at the expense of a way.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Cell {
  readonly batch: number;
  readonly inFlight: number;
}

interface Sample {
  readonly rate: number;
  readonly cpuMicros: number;
}

type Samples = Readonly<Record<(typeof WAYS)[number], Sample[]>>;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      databases: { type: 'string', default: 'postgres,mysql,mariadb' },
      records: { type: 'string', default: '10000' },
      batches: { type: 'string', default: '50,1000' },
      'in-flight': { type: 'string', default: '1,2,4' },
      rows: { type: 'string', default: '0,1000000' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const numbers = (list: string) => list.split(',').map(Number);
  const cells = numbers(values.batches).flatMap((batch) =>
    numbers(values['in-flight']).map((inFlight): Cell => ({ batch, inFlight })),
  );
  const lines: string[][] = [];
  for (const name of values.databases.split(',')) {
    for (const rows of numbers(values.rows)) {
      const database = await open(name);
      if (database === undefined) continue;
      try {
        await fill(database, rows);
        const results = await measure(database, rows, cells, Number(values.records), Number(values.rounds));
        for (const [{ batch, inFlight }, samples] of results)
          lines.push([name, String(rows), String(batch), String(inFlight), ...summary(samples)]);
      } finally {
        await database.drop();
      }
    }
  }
  const headings = [
    'database',
    'rows',
    'batch',
    'in flight',
    'sink records/s',
    'CPU µs',
    '× bulk load',
    '× encoded',
    '× plain',
  ];
  console.log(markdown([...headings, 'bulk CPU µs', 'encoded CPU µs', 'plain CPU µs', 'plain ÷ sink CPU'], lines));
}

async function open(name: string): Promise<BenchDatabase | undefined> {
  const opener = OPENERS[name];
  if (opener === undefined) throw new Error(`--databases: expected ${Object.keys(OPENERS).join(', ')}`);
  const { variable } = opener;
  const server = variable === undefined ? '' : process.env[variable];
  if (server !== undefined) return opener.open(server);
  console.error(`left out: ${name} (${variable} is not set: scripts/services.sh up ${name})`);
  return undefined;
}

async function fill(database: BenchDatabase, rows: number): Promise<void> {
  if (rows === 0) return;
  if (database.bulk === undefined) throw new Error(`${database.name}: --rows must be 0`);
  console.error(`${database.name}: filling the tables with ${rows} rows`);
  const bulk = await database.bulk(1);
  for (let left = rows; left > 0; left -= FILL)
    for (const batch of makeBatches(Math.min(left, FILL), Math.min(left, FILL), 'text')) await bulk.write(batch);
  await bulk.close();
}

async function measure(
  database: BenchDatabase,
  rows: number,
  cells: readonly Cell[],
  records: number,
  rounds: number,
): Promise<readonly (readonly [Cell, Samples])[]> {
  const results = cells.map((cell): [Cell, Samples] => [cell, { sink: [], bulk: [], encodedBulk: [], plain: [] }]);
  for (let round = 0; round < rounds; round++) {
    for (const [cell, samples] of results) {
      // Alternate the order, so that a machine that becomes slower or faster affects all ways alike.
      for (const way of round % 2 === 0 ? WAYS : WAYS.toReversed()) {
        if (database[way] === undefined) continue;
        if (rows === 0) await database.empty();
        const sample = await measureOne(database, way, cell, makeBatches(records, cell.batch, FORMS[way]));
        console.error(JSON.stringify({ database: database.name, rows, way, ...cell, ...sample }));
        samples[way].push(sample);
      }
    }
  }
  return results;
}

async function measureOne(
  database: BenchDatabase,
  kind: (typeof WAYS)[number],
  { inFlight, batch }: Cell,
  batches: readonly BenchBatch[],
): Promise<Sample> {
  const way = await wayOf(database, kind, inFlight);
  await storeAll(way, makeBatches(WARM_UP, batch, FORMS[kind]), inFlight);
  collectGarbage();
  const cpu = process.cpuUsage();
  const began = performance.now();
  await storeAll(way, batches, inFlight);
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  await way.close();
  const records = batches.length * batch;
  return { rate: records / seconds, cpuMicros: (user + system) / records };
}

async function wayOf(database: BenchDatabase, kind: (typeof WAYS)[number], inFlight: number): Promise<Way> {
  if (kind !== 'sink') {
    const way = await database[kind]?.(inFlight);
    if (way === undefined) throw new Error(`${database.name}: there is no ${kind}`);
    return way;
  }
  const sink = database.sink(inFlight);
  await sink.connect();
  return { write: ({ grouped }) => sink.write(grouped), close: () => sink.close() };
}

/** Stores the batches, `inFlight` at a time. */
async function storeAll(way: Way, batches: readonly BenchBatch[], inFlight: number): Promise<void> {
  const left = batches.values();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (const batch of left) await way.write(batch);
    }),
  );
}

function summary({ sink, bulk, encodedBulk, plain }: Samples): readonly string[] {
  const ratio = (of: readonly Sample[], by: readonly Sample[], figure: (sample: Sample) => number, digits = 2) =>
    text(
      by.flatMap((other, round) => {
        const sample = of[round];
        return sample === undefined ? [] : figure(sample) / figure(other);
      }),
      digits,
    );
  const cpu = (samples: readonly Sample[]) => text(samples.map(({ cpuMicros }) => cpuMicros));
  return [
    text(sink.map(({ rate }) => rate)),
    cpu(sink),
    ratio(sink, bulk, ({ rate }) => rate),
    ratio(sink, encodedBulk, ({ rate }) => rate),
    ratio(sink, plain, ({ rate }) => rate),
    cpu(bulk),
    cpu(encodedBulk),
    cpu(plain),
    ratio(plain, sink, ({ cpuMicros }) => cpuMicros, 1),
  ];
}

/** The median, or nothing for a way that the database doesn't have. */
function text(figures: readonly number[], digits = 0): string {
  return figures.length === 0 ? '' : median(figures).toFixed(digits);
}
