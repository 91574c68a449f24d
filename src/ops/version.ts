import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The answer of `/version`. */
export interface VersionInfo {
  readonly version: string;
  /** When this build was made, ISO 8601 in UTC. */
  readonly built: string;
}

/** The version in package.json, and the modification time of this file, which the build wrote. */
export function readVersion(): VersionInfo {
  const here = fileURLToPath(import.meta.url);
  const built = statSync(here).mtime.toISOString();
  // src/ops in a checkout, dist/src/ops when built: the package root is the first parent with a package.json.
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    const version = packageVersion(folder);
    if (version !== undefined) return { version, built };
    if (folder === dirname(folder)) return { version: 'unknown', built };
  }
}

function packageVersion(folder: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('version' in parsed)) return undefined;
    return typeof parsed.version === 'string' ? parsed.version : undefined;
  } catch {
    return undefined;
  }
}
