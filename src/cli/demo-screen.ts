/** What the demo prints. */
import type { Demo, DemoProgress } from '../embedded/demo.ts';
import { DEMO_DATABASES, type DemoDatabaseName } from '../embedded/demo-database.ts';
import { addsUp, type Sum } from '../embedded/sums.ts';
import { bar } from './terminal/live-block.ts';
import { count, table } from './terminal/table.ts';

const [EMBEDDED] = DEMO_DATABASES;

/** What is real in the demo, and what is not. */
export function introduction(database: DemoDatabaseName): string {
  return `Embedded in this process${database === EMBEDDED ? ', so that nothing has to be installed' : ''}:
  Kafka       librdkafka's mock broker: the Kafka protocol on a loopback port, in memory, 5 MB per partition.
              It does not show durability, leader changes, quotas, security or transactions.
${database === EMBEDDED ? PGLITE : SERVER}The service, its topology, its SQL and its configuration file are the real ones. Studies are generated; some records are
broken on purpose.
`;
}

const PGLITE = `  PostgreSQL  PGlite: PostgreSQL in WebAssembly, stored in a folder, one session for all connections.
              It does not show a server's speed, locks between sessions, or failures.
`;

const SERVER = `Started on this machine, with its data in the demo's folder:
  Database    the MySQL or MariaDB that is installed here.
`;

export interface Speed {
  readonly recordsPerSecond: number;
}

/** The block that is redrawn on a terminal. `total` is set while a known number of studies is being processed. */
export function progressLines(progress: DemoProgress, { recordsPerSecond }: Speed, total?: number): readonly string[] {
  const { published, done, deadLetters, inFlight, tables } = progress;
  const lag = published.records - done;
  const share = total === undefined ? '' : bar(Math.min(tables.studies, total), total);
  return [
    `  studies ${pad(tables.studies)}   series ${pad(tables.series)}   images  ${pad(tables.images)}   ${share}`,
    `  records ${pad(done)}   rate   ${pad(recordsPerSecond)}/s lag   ${pad(lag)}   dead letters ${count(deadLetters)}   in flight ${count(inFlight)}`,
  ];
}

/** The same as one line, for a log. */
export function progressLine(
  { published, done, deadLetters, tables }: DemoProgress,
  { recordsPerSecond }: Speed,
): string {
  const figures = [
    `studies ${count(tables.studies)}`,
    `series ${count(tables.series)}`,
    `images ${count(tables.images)}`,
    `records ${count(done)}`,
    `${count(recordsPerSecond)}/s`,
    `lag ${count(published.records - done)}`,
    `dead letters ${count(deadLetters)}`,
  ];
  return figures.join('  ');
}

/** Input and output side by side, with a verdict. */
export function sumsTable(sums: readonly Sum[]): string {
  const rows = sums.map(({ what, where, expected, found }) => [
    what,
    expected,
    found,
    where,
    expected === found ? 'equal' : 'DIFFERS',
  ]);
  const verdict = addsUp(sums) ? 'Everything that went in is accounted for.' : 'Input and output differ.';
  return `${table(['', 'went in', 'found', 'read from', ''], rows)}\n${verdict}`;
}

/** Why records became dead letters. */
export function reasonsTable(reasons: Readonly<Record<string, number>>): string {
  return table(['dead letters by error', 'records'], Object.entries(reasons).sort());
}

const QUERIES = [
  'select modality, count(*) as series from dicom_state_meta group by 1 order by 2 desc',
  'select patient_id, patient_name, study_date, modality, series_description from dicom_state_meta order by updated_time desc limit 10',
  'select transfer_syntax_uid, count(*) as images from dicom_image_meta group by 1 order by 2 desc',
];

/** Where to look while the demo runs. */
export function liveHints({ url, database, configFile, logFile }: Demo): string {
  const { dsn, driver, title } = database;
  const where = driver === EMBEDDED ? `psql '${dsn}'` : `${title}, ${dsn}`;
  return `
  dashboard      ${url ?? 'off'}
  configuration  ${configFile}
  log            ${logFile}
  database       ${where}
                 ${QUERIES[0]};
`;
}

/** Queries to run afterwards: the database is kept. */
export function keptHints(folder: string): string {
  const lines = QUERIES.map((query) => `  wado-consumer demo --sql "${query}"`);
  return `\nThe database is kept in ${folder}. Query it (in a clone: npm run demo -- --sql "…"):\n${lines.join('\n')}\n`;
}

function pad(value: number): string {
  return count(value).padStart(7);
}
