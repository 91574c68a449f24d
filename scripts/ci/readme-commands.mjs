/**
 * Checks that this CI has run every command of the README: compares the lines of its `sh` blocks with the record that `readme` and
 * `readme_differs` wrote. Prints how each was run. Exit code 1 if one was not run, or if the record has one that the README lacks.
 *
 *   node scripts/ci/readme-commands.mjs RECORD
 */
import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const commands = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block]) => block.replaceAll('\\\n', ' ').split('\n'))
  .map((line) => line.replace(/\s+# .*$/, '').trim())
  .filter((line) => line !== '' && !line.startsWith('#'));

const run = new Map(
  readFileSync(process.argv[2], 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'))
    .map(([how, command]) => [command, how]),
);
const never = commands.filter((command) => !run.has(command));
const gone = [...run.keys()].filter((command) => !commands.includes(command));

for (const command of new Set(commands)) console.log(`${run.get(command) ?? 'NEVER RUN'}: ${command}`);
for (const command of gone) console.log(`NOT IN THE README: ${command}`);
process.exitCode = never.length + gone.length > 0 ? 1 : 0;
