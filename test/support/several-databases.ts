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

/**
 * Writes the shipped configuration with further databases behind its first one, or without that one, and returns the file's path.
 */
export function configWith(
  folder: string,
  databases: readonly FurtherDatabase[],
  { withPostgres = true }: { readonly withPostgres?: boolean } = {},
): string {
  const whole = readFileSync('redpanda.yaml', 'utf8');
  const [first = ''] = /^ {8}- label: postgres\n(?: {10,}.*\n|\n)*/m.exec(whole) ?? [];
  if (first === '') throw new Error('redpanda.yaml has no database labelled postgres');
  const shipped = withPostgres ? whole : whole.replace(first, '');
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
