import { type Config, defineConfig } from 'drizzle-kit';
import { DATABASE_DRIVERS } from './src/databases/registry.ts';

/**
 * `DRIVER=postgres npx drizzle-kit generate` writes the next migration of a database when its schema has changed. DRIVER is a name of
 * src/databases/registry.ts.
 */
const name = process.env.DRIVER ?? 'postgres';
const driver = Object.entries(DATABASE_DRIVERS).find(([known]) => known === name)?.[1];
const migrations = driver?.description.drizzle;
if (migrations === undefined) {
  const names = Object.entries(DATABASE_DRIVERS).flatMap(([known, { description }]) =>
    description.drizzle ? [known] : [],
  );
  throw new Error(`DRIVER: expected one of ${names.join(', ')}`);
}

export default defineConfig(migrations as Config);
