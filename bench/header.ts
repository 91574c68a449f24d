/**
 * Reading DICOM headers. First on one thread: CPU time and files per second of this reader, dicom-parser and dcmjs, over the same files in
 * one run. Then this reader in worker threads: over warm files, cold files, and a file system that takes 5 or 50 ms per call.
 *
 *   npm run bench -- header [--files 200] [--rounds 3] [--without-peers] [--baseline DIR]
 *
 * `--baseline` adds this reader as built in another checkout.
 *
 * Needs a build. Cold files need `dd`, and the slow file system needs a C compiler; without them these rows are omitted. On a machine with
 * other load, rely on CPU figures and ratios only.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dicomCorpus } from '../src/testing/dicom-corpus.ts';
import { delayLibrary } from './delay-library.ts';
import { markdown } from './markdown.ts';

const PIXEL_BYTES = 3_000;
const OURS = ['wado-consumer', 'the same under storage roots'];
const PEERS = ['dicom-parser', 'dcmjs'];
const IN_TURN = 'all kinds in turn';
// When compiled, this file runs from dist/bench; the scripts remain in bench/.
const SCRIPTS = import.meta.dirname.replace(/([/\\])dist[/\\]bench$/, '$1bench');
const FIXTURES = join(SCRIPTS, '../test/fixtures/dicom');
const FIXTURE_PASSES = 20;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      files: { type: 'string' },
      rounds: { type: 'string' },
      'without-peers': { type: 'boolean' },
      baseline: { type: 'string' },
    },
  });
  const files = Number(values.files ?? 200);
  const rounds = Number(values.rounds ?? 3);
  const folder = mkdtempSync(join(tmpdir(), 'bench-header-'));
  try {
    const kinds = writeFiles(folder, files);
    const peers = values['without-peers'] === true ? [] : PEERS;
    if (peers.length > 0) installPeers();
    const contenders = [...OURS, ...peers].map((name): Contender => ({ name, reader: name, checkout: SCRIPTS }));
    if (values.baseline !== undefined)
      contenders.push({ name: 'baseline', reader: 'wado-consumer', checkout: join(resolve(values.baseline), 'bench') });
    console.log(oneThread(folder, kinds, rounds, contenders));
    console.log();
    console.log(workerThreads(folder, [...kinds.values()].flat()));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes each kind to its own folder, as a store has one folder per series. */
function writeFiles(folder: string, files: number): ReadonlyMap<string, readonly string[]> {
  const corpus = new Map([
    ['only what is wanted', dicomCorpus({ pixelBytes: PIXEL_BYTES }).get('explicit VR') ?? Buffer.alloc(0)],
    ...dicomCorpus({ pixelBytes: PIXEL_BYTES, asScannersWrite: true }),
  ]);
  const kinds = new Map<string, string[]>();
  for (const [kind, bytes] of corpus) {
    const series = join(folder, kind.replaceAll(/\W+/g, '-'));
    mkdirSync(series);
    const paths = Array.from({ length: files }, (_, number) => join(series, `${number}.dcm`));
    for (const path of paths) writeFileSync(path, bytes);
    kinds.set(kind, paths);
  }
  return kinds;
}

/** A reader, measured by the script of its checkout. */
interface Contender {
  readonly name: string;
  readonly reader: string;
  readonly checkout: string;
}

interface Figures {
  readonly cpuUs: number;
  readonly perSecond: number;
}

type FiguresByKind = Readonly<Record<string, Figures | null>>;

/**
 * Runs each reader in its own process, so that none affects another's optimised code and heap. The readers alternate in each round, so that
 * other load affects all of them alike. The best round counts.
 */
function oneThread(
  folder: string,
  kinds: ReadonlyMap<string, readonly string[]>,
  rounds: number,
  contenders: readonly Contender[],
): string {
  const list = join(folder, 'kinds.json');
  writeFileSync(list, JSON.stringify({ ...Object.fromEntries(kinds), [IN_TURN]: interleave([...kinds.values()]) }));
  const best = contenders.map((): FiguresByKind => ({}));
  for (let round = 1; round <= rounds; round++) {
    contenders.forEach(({ name, reader, checkout }, at) => {
      console.error(`round ${round}: ${name}`);
      const script = join(checkout, 'header-one.mjs');
      const printed = execFileSync(process.execPath, [script, reader, folder, list, '1'], { encoding: 'utf8' });
      best[at] = bestOf(best[at] ?? {}, JSON.parse(printed));
    });
  }
  const names = contenders.map(({ name }) => name);
  const rows = [...kinds.keys(), IN_TURN].map((kind) => {
    const figures = best.map((contender) => contender[kind] ?? null);
    const ours = figures[0] ?? null;
    const ratios = figures.slice(OURS.length).map((theirs) => ratio(theirs, ours));
    return [kind, ...figures.map(cpuText), ...ratios, String(ours?.perSecond ?? '–')];
  });
  const ratios = names.slice(OURS.length).map((name) => `${name} ÷ wado-consumer`);
  return markdown(['warm, one thread, CPU µs per file', ...names, ...ratios, 'wado-consumer, files/s'], rows);
}

function bestOf(a: FiguresByKind, b: FiguresByKind): FiguresByKind {
  const better = (kind: string, theirs: Figures | null) =>
    (a[kind]?.cpuUs ?? Infinity) < (theirs?.cpuUs ?? 0) ? a[kind] : theirs;
  return Object.fromEntries(Object.entries(b).map(([kind, figures]) => [kind, better(kind, figures) ?? null]));
}

function cpuText(figures: Figures | null): string {
  return figures === null ? 'fails' : figures.cpuUs.toFixed(1);
}

function ratio(theirs: Figures | null, ours: Figures | null): string {
  return theirs === null || ours === null ? '–' : (theirs.cpuUs / ours.cpuUs).toFixed(2);
}

function interleave(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list[at] ?? [])).flat();
}

function installPeers(): void {
  const folder = join(SCRIPTS, 'header-peers');
  if (existsSync(join(folder, 'node_modules/dcmjs'))) return;
  console.error('installing the readers to compare with');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'ignore' });
}

/** Runs each row in its own process: the pool measures the storage from scratch, and LD_PRELOAD works only from the start. */
function workerThreads(folder: string, paths: readonly string[]): string {
  const list = join(folder, 'list.json');
  writeFileSync(list, JSON.stringify(paths));
  const fixtures = fixtureFiles();
  const fixtureList = join(folder, 'fixtures.json');
  writeFileSync(fixtureList, JSON.stringify(Array.from({ length: FIXTURE_PASSES }, () => fixtures).flat()));
  const pool = (name: string, rounds: number, env: Readonly<Record<string, string>> = {}): string[][] =>
    poolOver(name, folder, list, rounds, env);
  const poolOver = (
    name: string,
    root: string,
    files: string,
    rounds: number,
    env: Readonly<Record<string, string>> = {},
  ): string[][] => {
    const script = join(SCRIPTS, 'header-pool.mjs');
    const { UV_THREADPOOL_SIZE: threads = '160' } = process.env;
    const options = { env: { ...process.env, UV_THREADPOOL_SIZE: threads, ...env }, encoding: 'utf8' } as const;
    const lines = execFileSync(process.execPath, [script, root, files, String(rounds)], options);
    return lines
      .trim()
      .split('\n')
      .slice(-1)
      .map((line) => [name, ...line.split(' ')]);
  };
  const rows = [...pool('warm', 12)];
  if (fixtures.length > 0)
    rows.push(...poolOver(`all ${fixtures.length} fixtures, damaged ones included`, FIXTURES, fixtureList, 3));
  if (evict(paths)) {
    rows.push(...pool('cold, the pool decides', 1));
    if (evict(paths)) rows.push(...pool('cold, synchronous only', 1, { READ_IN_PLACE: '1' }));
  }
  const library = delayLibrary(folder);
  if (library !== undefined) {
    const slow = { LD_PRELOAD: library, DELAY_PREFIX: folder, DELAY_US: '5000' };
    rows.push(...pool('5 ms per call, the pool decides', 3, slow));
    rows.push(...pool('50 ms per call, the pool decides', 3, { ...slow, DELAY_US: '50000' }));
    rows.push(...pool('5 ms per call, synchronous only', 1, { ...slow, FILES: '600', READ_IN_PLACE: '1' }));
  }
  return markdown(
    [
      'two worker threads, batches of 50',
      'files/s',
      'CPU µs per file',
      'RSS MB',
      'event loop delay, p99, ms',
      'longest, ms',
    ],
    rows,
  );
}

function fixtureFiles(): readonly string[] {
  const folder = join(FIXTURES, 'files');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** Removes the files from the page cache. False if that isn't possible. */
function evict(paths: readonly string[]): boolean {
  try {
    execFileSync('sync');
    execFileSync('xargs', ['-n1', '-P2', 'sh', '-c', 'exec dd if="$0" iflag=nocache count=0 status=none'], {
      input: paths.join('\n'),
    });
    return true;
  } catch {
    return false;
  }
}
