/**
 * Reduces node_modules to what the service needs to run: no development packages, and none of the 270 MB from which the Kafka client was
 * compiled. For the image only; a clone would have to be set up again.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { clientFolder, compiledFiles } from './kafka-client.mjs';
import { npm, root, run, say } from './run.mjs';

const { ok, tail } = npm(['prune', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { name: 'prune' });
if (!ok) throw new Error(`npm prune failed:\n${tail}`);

for (const name of ['deps', 'src', 'types', 'util', 'ci'])
  rmSync(join(clientFolder, name), { recursive: true, force: true });
const build = join(clientFolder, 'build');
for (const entry of readdirSync(build, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (!entry.isDirectory() && !compiledFiles.some((kept) => file === join(build, kept))) rmSync(file);
}
// Without symbols the compiled library has a third of its size. Without `strip` there was no compiler either.
for (const file of compiledFiles.map((name) => join(build, name))) {
  if (existsSync(file)) run('strip', ['--strip-unneeded', file], { name: 'strip' });
}
for (const name of ['.bin', '.cache']) rmSync(join(root, 'node_modules', name), { recursive: true, force: true });
say('removed what the service does not need to run');
