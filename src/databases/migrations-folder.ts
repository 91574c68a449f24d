import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Migration } from './driver.ts';

/** A migration of drizzle-kit. */
export interface DatedMigration extends Migration {
  /** When it was generated, in milliseconds since 1970. Drizzle stores it as `created_at` of an applied migration. */
  readonly at: number;
}

/**
 * The folder of a dialect's migrations (`pg`, `mysql`) in `drizzle/`, next to the package's package.json. Works from src/ and dist/.
 */
export function migrationsFolder(dialect: string): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'drizzle', dialect);
    if (existsSync(join(folder, 'package.json')) && existsSync(join(candidate, 'meta', '_journal.json')))
      return candidate;
    if (folder === dirname(folder)) throw new Error(`the package has no folder drizzle/${dialect}`);
  }
}

/** The migrations of a dialect in the order of drizzle-kit's journal. */
export function readMigrations(dialect: string): readonly DatedMigration[] {
  const folder = migrationsFolder(dialect);
  const journal: { readonly entries: readonly { readonly tag: string; readonly when: number }[] } = JSON.parse(
    readFileSync(join(folder, 'meta', '_journal.json'), 'utf8'),
  );
  return journal.entries.map(({ tag, when }) => ({
    name: tag,
    at: when,
    statements: readFileSync(join(folder, `${tag}.sql`), 'utf8')
      .split('--> statement-breakpoint')
      .map((statement) => statement.trim().replace(/;$/, ''))
      .filter((statement) => statement !== ''),
  }));
}

/**
 * What shows that the recorded migrations are still in effect: a column of each table, and those that were added to upstream's tables. If
 * one is missing, somebody has dropped it, and all migrations are applied again: each of them can be repeated, and keeps what is there.
 */
export const MIGRATED_COLUMNS: readonly (readonly [table: string, column: string])[] = [
  ['dicom_object_meta', 'trace_id'],
  ['dicom_state_meta', 'source_time'],
  ['dicom_state_meta', 'source_trace_id'],
  ['dicom_image_meta', 'source_time'],
  ['dicom_image_meta', 'source_trace_id'],
];
