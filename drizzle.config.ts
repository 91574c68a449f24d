import { defineConfig } from 'drizzle-kit';

/** `npx drizzle-kit generate` writes the next PostgreSQL migration when `src/databases/postgres/schema.ts` has changed. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/databases/postgres/schema.ts',
  out: './drizzle/pg',
});
