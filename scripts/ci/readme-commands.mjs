/**
 * Every command in the README must have been run by this CI: compares the lines of its `sh` blocks with the record that `readme` and
 * `readme_differs` wrote while the stages ran. Prints how each was run; exit 1 when one was not, or when the record holds one that the
 * README no longer has.
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
for (const command of gone) console.log(`NOT IN THE README, though CI runs it for it: ${command}`);
process.exitCode = never.length + gone.length > 0 ? 1 : 0;
