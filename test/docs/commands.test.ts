import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { loadProgram } from '../../src/cli/program.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const program = await loadProgram();

/** `dlq list` and its command, for every command without subcommands. */
function verbs(command: Command, above: readonly string[] = []): readonly { name: string; command: Command }[] {
  return command.commands.flatMap((each) => {
    const path = [...above, each.name()];
    return each.commands.length > 0 ? verbs(each, path) : [{ name: path.join(' '), command: each }];
  });
}

/** What the program accepts: `--limit <n>` and arguments as they stand in its usage. */
function accepted(command: Command): readonly string[] {
  const names = command.registeredArguments.map((each) => {
    const name = `${each.name()}${each.variadic ? '...' : ''}`;
    return each.required ? `<${name}>` : `[${name}]`;
  });
  return [...names, ...command.options.filter(({ hidden }) => !hidden).map((option) => option.flags)].sort();
}

/** What docs/commands.md documents: by its headings, the first column of the table under each. */
const documented = new Map(
  read('docs/commands.md')
    .split(/^## wado-consumer /m)
    .slice(1)
    .map((section) => {
      const heading = section.slice(0, section.indexOf('\n'));
      const rows = [...section.matchAll(/^\| `(.+?)` \|/gm)].map(([, flags = '']) => flags);
      return [heading, rows.sort()] as const;
    }),
);

describe('docs/commands.md', () => {
  it('has a section for every command, and no other', () => {
    expect([...documented.keys()].sort()).toEqual(
      verbs(program)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it.each(verbs(program))('lists every argument and option of $name, and no other', ({ name, command }) => {
    expect(documented.get(name)).toEqual(accepted(command));
  });

  it.each(verbs(program))('$name --help shows the exit codes, and no empty default', ({ command }) => {
    const written: string[] = [];
    command.configureOutput({ writeOut: (text) => written.push(text) }).outputHelp();
    const help = written.join('');
    expect(help).toContain('Exit codes:');
    expect(help).not.toMatch(/default:\s+(?:\[\]|false)/);
  });

  it('lists no default that the program does not have', () => {
    const wrong = verbs(program).flatMap(({ name, command }) => {
      const section = read('docs/commands.md').split(`## wado-consumer ${name}\n`)[1]?.split('\n## ')[0] ?? '';
      const defaults = [...section.matchAll(/^\| `(.+?)` \| (?:`(.*?)`)? ?\|/gm)];
      return defaults
        .filter(([, flags, value]) => value !== defaultOf(command, flags ?? ''))
        .map(([, flags, value]) => `${name} ${flags}: ${value}`);
    });
    expect(wrong).toEqual([]);
  });
});

/** The default as text; undefined where there is none, and for flags that are off and lists that are empty. */
function defaultOf(command: Command, flags: string): string | undefined {
  const option = command.options.find((each) => each.flags === flags);
  const argument = command.registeredArguments.find((each) => flags.includes(each.name()));
  const value: unknown = option === undefined ? argument?.defaultValue : option.defaultValue;
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return undefined;
  return String(value);
}

describe('the README', () => {
  it('names every verb in its table of commands, and no other', () => {
    const rows = [...read('README.md').matchAll(/^\| `wado-consumer (\w+)/gm)].map(([, verb]) => verb);
    expect(rows.sort()).toEqual(program.commands.map((command) => command.name()).sort());
  });

  it('uses no option that the program does not have', () => {
    const known = new Set(
      [program, ...verbs(program).map(({ command }) => command)].flatMap((command) =>
        command.options.map((option) => option.long),
      ),
    );
    const used = [...read('README.md').matchAll(/(?:wado-consumer|run) [^\n|]*?(--[a-z-]+)/g)].map(([, flag]) => flag);
    // Of the npm scripts, not of the program.
    const others = new Set(['--', '--random', '--seeds', '--seed', '--shards', '--rounds']);
    expect(used.filter((flag) => flag !== undefined && !known.has(flag) && !others.has(flag))).toEqual([]);
  });
});

describe.each(['operating.md', 'configuration.md', 'container.md', 'security.md', 'dispositions.md', 'tables.md'])(
  'docs/%s',
  (file) => {
    it('uses no verb or option that the program does not have', () => {
      const known = new Map(
        [...verbs(program), ...program.commands.map((command) => ({ name: command.name(), command }))].map(
          ({ name, command }) => [name, new Set(command.options.flatMap(({ long, short }) => [long, short]))],
        ),
      );
      const unknown = [...read(`docs/${file}`).matchAll(/(?<![/\w-])wado-consumer ([a-z]+)( [a-z]+)?([^\n`|#]*)/g)]
        .map(([text, verb = '', sub = '', rest = '']) => ({
          text,
          name: known.has(verb + sub) ? verb + sub : verb,
          rest,
        }))
        .filter(({ name, rest }) => {
          const flags = known.get(name);
          return flags === undefined || [...rest.matchAll(/(?<= )--[a-z-]+/g)].some(([flag]) => !flags.has(flag));
        });
      expect(unknown.map(({ text }) => text)).toEqual([]);
    });
  },
);
