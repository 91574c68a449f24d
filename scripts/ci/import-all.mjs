/** Imports every module that the package of the current folder exports, by the package's name. Exit code 1 if one can't be imported. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const { resolve } = createRequire(join(process.cwd(), 'package.json'));
for (const [path, target] of Object.entries(exports)) {
  const specifier = name + path.slice(1);
  // vitest can be imported in its own process only.
  if (path === './testing/vitest') resolve(specifier);
  else if (typeof target === 'string') resolve(specifier);
  else await import(pathToFileURL(resolve(specifier)).href);
  console.log(specifier);
}
process.exit(0);
