import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The SQL statements of a section of docs/pull.md, without semicolons. */
export function statementsOf(section: string): readonly string[] {
  const markdown = readFileSync(fileURLToPath(new URL('../../docs/pull.md', import.meta.url)), 'utf8');
  const text = markdown.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  const blocks = [...text.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => sql);
  return blocks
    .flatMap((sql) => sql.split(/;\n/))
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '');
}
