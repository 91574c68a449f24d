import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One more database of a configuration. Its DSN is read from a variable, which `variable` names. */
export interface FurtherDatabase {
  readonly label: string;
  readonly driver: string;
  readonly variable: string;
  /** Further fields of `dicom_store`, one a line. */
  readonly fields?: readonly string[];
}

const FIRST_SWITCH = '        - switch:\n';

/** Writes the shipped configuration with further databases behind its first one, and returns the file's path. */
export function configWith(folder: string, databases: readonly FurtherDatabase[]): string {
  const shipped = readFileSync('redpanda.yaml', 'utf8');
  if (!shipped.includes(FIRST_SWITCH)) throw new Error('redpanda.yaml has no switch');
  const outputs = databases.map(({ label, driver, variable, fields = [] }) =>
    [
      `        - label: ${label}`,
      '          dicom_store:',
      `            driver: ${driver}`,
      `            dsn: "\${${variable}}"`,
      ...fields.map((field) => `            ${field}`),
      '',
    ].join('\n'),
  );
  const file = join(folder, 'several-databases.yaml');
  writeFileSync(
    file,
    shipped.replace(FIRST_SWITCH, () => `${outputs.join('')}${FIRST_SWITCH}`),
  );
  return file;
}
