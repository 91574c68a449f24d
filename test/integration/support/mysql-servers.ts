import { describeWith } from './services.ts';

/** One `describe` for MySQL and one for MariaDB, each skipped by name where the server can't be had. */
export async function describeMysqls(
  title: string,
  body: (server: { readonly dsn: string; readonly name: 'mysql' | 'mariadb' }) => void | Promise<void>,
): Promise<void> {
  for (const name of ['mysql', 'mariadb'] as const) {
    await describeWith([name], `${title} on ${name === 'mysql' ? 'MySQL' : 'MariaDB'}`, (services) =>
      body({ dsn: services[name].dsn, name }),
    );
  }
}
