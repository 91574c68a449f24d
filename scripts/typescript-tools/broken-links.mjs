import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * The links of the HTML pages below a folder that lead to no file of it, or to no element of its page. Links to other servers are not
 * followed.
 * @returns {{ page: string, link: string }[]}
 */
export function brokenLinks(folder) {
  const pages = readdirSync(folder, { recursive: true }).filter((name) => /\.(html|svg)$/.test(name));
  const idsOf = new Map(pages.map((page) => [page, ids(readFileSync(join(folder, page), 'utf8'))]));
  return pages.flatMap((page) =>
    links(readFileSync(join(folder, page), 'utf8')).flatMap((link) => {
      const [path, anchor = ''] = link.split('#');
      const target = path === '' ? page : relative(folder, resolve(folder, dirname(page), decodeURIComponent(path)));
      const found = existsSync(join(folder, target)) && (anchor === '' || idsOf.get(target)?.has(anchor) === true);
      return found ? [] : [{ page, link }];
    }),
  );
}

function links(html) {
  return [...html.matchAll(/\s(?:href|src)="([^"]*)"/g)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

function ids(html) {
  return new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id));
}
