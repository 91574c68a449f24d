import { readdirSync } from 'node:fs';
import path from 'node:path';
import { systemCode } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';

const EVERYTHING_BELOW = '...';

/**
 * The configuration files that the arguments of a verb name, each once. `folder/...` is every `.yaml` and `.yml` file below the folder, as in
 * Redpanda Connect.
 */
export function configFiles(names: readonly string[]): readonly string[] {
  const files = names.flatMap((name) =>
    name.endsWith(EVERYTHING_BELOW) ? yamlFilesBelow(name.slice(0, -EVERYTHING_BELOW.length)) : [name],
  );
  return [...new Set(files)];
}

function yamlFilesBelow(written: string): readonly string[] {
  const folder = written === '' ? '.' : written;
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.ya?ml$/.test(name))
      .map((name) => path.join(folder, name))
      .sort();
  } catch (error) {
    throw new CliError(EXIT.usage, `${folder} cannot be read (${systemCode(error) ?? 'unknown error'})`);
  }
}
