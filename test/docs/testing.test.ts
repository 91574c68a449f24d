import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as testing from '../../src/testing/index.ts';
import { CONTRACT_GROUPS } from '../../src/testing/sink-contract.ts';
import { Stack } from '../../src/testing/stack/stack.ts';
import * as vitestParts from '../../src/testing/vitest/index.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const markdown = read('docs/testing.md');

/** The names in the first column of the table below a heading, without arguments. */
function firstColumn(heading: string): readonly string[] {
  const section = markdown.split(new RegExp(`\n##+ ${heading}\n`))[1]?.split(/\n##+ /)[0] ?? '';
  const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)[`(]/g)].map(([, name = '']) => name));
}

describe('docs/testing.md', () => {
  it('lists the entries of the package that begin with testing, and no other', () => {
    const { exports }: { readonly exports: object } = JSON.parse(read('package.json'));
    const entries = Object.keys(exports).filter((path) => path.startsWith('./testing'));
    const listed = [...markdown.matchAll(/^\| `wado-consumer(\/[\w/-]+)` \|/gm)].map(([, path]) => `.${path}`);
    expect(listed).toEqual(entries);
  });

  it('names the oldest versions of the optional packages that package.json accepts', () => {
    const { peerDependencies }: { readonly peerDependencies: Record<string, string> } = JSON.parse(
      read('package.json'),
    );
    const oldest = Object.entries(peerDependencies).map(
      ([name, range]) => `${name} (${range.replace('>=', '')} or newer)`,
    );
    expect(oldest.filter((text) => !markdown.includes(text))).toEqual([]);
  });

  it('names members of a stack that exist', () => {
    const used = [...markdown.matchAll(/\bstack\.(\w+)/g)].map(([, name = '']) => name);
    const verbs = firstColumn('Kill the broker in the middle');
    expect(verbs.length).toBeGreaterThan(7);
    expect([...used, ...verbs].filter((name) => !(name in Stack.prototype))).toEqual([]);
  });

  it('names members of a driver that exist, as docs/library.md does', () => {
    const driver = new testing.TopologyTestDriver();
    const guides = `${markdown}${read('docs/library.md')}`;
    const used = [...guides.matchAll(/\bdriver\.(\w+)/g)].map(([, name = '']) => name);
    expect(used.length).toBeGreaterThan(3);
    expect(used.filter((name) => !(name in driver))).toEqual([]);
  });

  it('names builders and matchers that are exported', () => {
    const builders = firstColumn('Files and records');
    expect(builders.length).toBeGreaterThan(3);
    expect(builders.filter((name) => !(name in testing))).toEqual([]);
    const imported = [...markdown.matchAll(/import \{ (.*) \} from 'wado-consumer\/testing(\/vitest)?'/g)];
    expect(imported).toHaveLength(2);
    const missing = imported.flatMap(([, names = '', vitest]) =>
      names.split(', ').filter((name) => !(name in (vitest === undefined ? testing : vitestParts))),
    );
    expect(missing).toEqual([]);
    const matchers = [...markdown.matchAll(/\)\.(to(?:Have|Be)(?:Study|DeadLettered|CommittedTo))\(/g)];
    expect(new Set(matchers.map(([, name]) => name))).toEqual(new Set(Object.keys(vitestParts.matchers)));
  });

  it('names calls of a service process, and further functions, that exist', async () => {
    const listed = firstColumn('Real servers that several suites share');
    expect(listed.filter((name) => !(name in testing))).toEqual([]);
    const log = join(mkdtempSync(join(tmpdir(), 'docs-testing-')), 'log');
    const service = testing.startServiceProcess({ config: 'none', log, command: ['/does/not/exist'] });
    await service.exited;
    const used = [...markdown.matchAll(/\bservice\.(\w+)/g)].map(([, name = '']) => name);
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((name) => !(name in service))).toEqual([]);
    rmSync(dirname(log), { recursive: true });
  });

  it('begins with five lines that are true', async () => {
    const driver = new testing.TopologyTestDriver();
    await driver.createInputTopic().pipeInput(testing.storeMeta({ file_path: '/data/1.2/1.2.3/1.2.3.4' }));
    await driver.advanceTime(5_000);
    expect(driver.table('dicom_state_meta')).toMatchObject([{ series_uid: '1.2.3' }]);
    expect(driver.committed()).toBe(1);
  });

  it('lists the groups of the sink contract', () => {
    expect(firstColumn('Your sink')).toEqual([...CONTRACT_GROUPS]);
  });
});
