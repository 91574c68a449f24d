import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of a dialect's migrations (`pg`, `mysql`) in `drizzle/`, next to the package's package.json. Works from src/ and dist/.
 */
export function migrationsFolder(dialect: string): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'drizzle', dialect);
    if (existsSync(join(folder, 'package.json')) && existsSync(join(candidate, 'meta', '_journal.json')))
      return candidate;
    if (folder === dirname(folder)) throw new Error(`the package lacks its folder drizzle/${dialect}`);
  }
}
