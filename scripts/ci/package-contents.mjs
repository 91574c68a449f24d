/**
 * Checks what `npm pack --json` has packed: only files of these places, each of them, and no more bytes than CONTRIBUTING.md states.
 *
 *   npm pack --json | node scripts/ci/package-contents.mjs
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PLACES = [
  /^(LICENSE|README\.md|package\.json|redpanda\.yaml)$/,
  // The modules and their declarations, without source maps.
  /^dist\/(src|topology)\/[\w/-]+(\.d)?\.[cm]?[jt]s$/,
  /^drizzle\/\w+\/(\d+_\w+\.sql|meta\/\w+\.json)$/,
  /^plugins\/\w+\.yaml$/,
  /^proto\/[\w/]+\.proto$/,
];
/** Compiled TypeScript leaves declarations only: the sources are not packed. */
const SOURCE = /(?<!\.d)\.[cm]?ts$/;

const [{ size, unpackedSize, files }] = JSON.parse(readFileSync(0, 'utf8'));
const paths = files.map(({ path }) => path);
const guide = readFileSync(join(import.meta.dirname, '../../CONTRIBUTING.md'), 'utf8');
const stated = /at most ([\d.]+) MB packed and\s+([\d.]+) MB unpacked/.exec(guide);
const problems = [
  ...paths
    .filter((path) => SOURCE.test(path) || !PLACES.some((place) => place.test(path)))
    .map((path) => `packed: ${path}`),
  ...PLACES.filter((place) => !paths.some((path) => place.test(path))).map((place) => `nothing matches ${place}`),
  ...(stated === null ? ['CONTRIBUTING.md does not state the size'] : []),
  ...(size > Number(stated?.[1]) * 1e6 ? [`${size} bytes packed`] : []),
  ...(unpackedSize > Number(stated?.[2]) * 1e6 ? [`${unpackedSize} bytes unpacked`] : []),
];
for (const problem of problems) console.error(problem);
console.log(`${paths.length} files, ${size} bytes packed, ${unpackedSize} unpacked`);
process.exitCode = problems.length === 0 ? 0 : 1;
