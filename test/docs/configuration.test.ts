import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ConfigDocument } from '../../src/config/document.ts';
import { readInput } from '../../src/config/input.ts';
import { readOutput } from '../../src/config/output.ts';
import { readPipeline } from '../../src/config/pipeline.ts';
import { readService } from '../../src/config/service.ts';
import type { Path } from '../../src/config/yaml-tree.ts';
import { DATABASE_DRIVER_NAMES, databaseDriver } from '../../src/databases/registry.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const shipped = read('redpanda.yaml');
const markdown = read('docs/configuration.md');

/** Keeps the schema of every part of the file that is validated. */
class SchemaRecorder extends ConfigDocument {
  readonly schemas = new Map<string, z.ZodType>();

  override check<Schema extends z.ZodType>(schema: Schema, path: Path): z.output<Schema> | undefined {
    this.schemas.set(path.join('.'), schema);
    return super.check(schema, path);
  }
}

const recorder = new SchemaRecorder('redpanda.yaml', shipped, {});
for (const reader of [readService, readInput, readPipeline, readOutput]) reader(recorder);

/** zod's own description of a schema, as far as it is needed here. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly out?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly checks?: readonly unknown[];
}

function definitionOf(schema: z.ZodType): Definition {
  const definition = schema.def as Definition;
  const inner = definition.innerType ?? definition.out;
  // A field whose value is parsed is a pipe that ends in a transform: a leaf, not a wrapper.
  if (inner === undefined || (inner.def as Definition).type === 'transform') return definition;
  return definitionOf(inner);
}

/** A field of Redpanda Connect that is accepted at its default only: not documented, since it can't be set. */
function isOnlyDefault(schema: z.ZodType): boolean {
  const { type, innerType } = schema.def as Definition;
  const inner = innerType?.def as Definition | undefined;
  return type === 'optional' && inner?.type === 'unknown' && (inner.checks?.length ?? 0) > 0;
}

/** The names of the fields that can be set, nested ones with dots; a list's entries are not followed. */
function fieldsOf(schema: z.ZodType, prefix = ''): readonly string[] {
  return Object.entries(definitionOf(schema).shape ?? {}).flatMap(([name, field]) => {
    if (isOnlyDefault(field)) return [];
    const nested = fieldsOf(field, `${prefix}${name}.`);
    return nested.length > 0 ? nested : [prefix + name];
  });
}

function schemaAt(path: string): z.ZodType {
  const found = recorder.schemas.get(path);
  if (found === undefined)
    throw new Error(`nothing is validated at ${path}: ${[...recorder.schemas.keys()].join(' ')}`);
  return found;
}

/** The fields in the tables under a heading, one row each or several in one. */
function documented(heading: string): readonly string[] {
  const section = markdown.split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#/m)[0] ?? '';
  return [...section.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(.+?)`/g)].map(([, name = '']) => name),
  );
}

const security = documented('`tls` and `sasl`');
const withSecurity = (heading: string) => [
  ...documented(heading).filter((name) => name !== 'tls' && name !== 'sasl'),
  ...security,
];
const BROKER = 'output.reject_errored.broker';
const OUTPUTS = `${BROKER}.outputs`;

describe('docs/configuration.md', () => {
  it.each([
    { part: 'http', names: documented('`http`') },
    { part: 'logger', names: documented('`logger`') },
    { part: 'input.redpanda', names: withSecurity('`input.redpanda`') },
    { part: 'pipeline', names: documented('`pipeline`') },
    { part: 'pipeline.processors.0.group_dicom_state', names: documented('`pipeline.processors`') },
    { part: `${OUTPUTS}.1.switch.cases.0.output.redpanda`, names: withSecurity('`redpanda`') },
  ])('lists every field of $part that can be set, and no other', ({ part, names }) => {
    expect([...names].sort()).toEqual([...fieldsOf(schemaAt(part))].sort());
  });

  it.each(DATABASE_DRIVER_NAMES)('lists the options of the driver %s, and no other', (name) => {
    expect([...documented(`Driver \`${name}\``)].sort()).toEqual(Object.keys(databaseDriver(name).options).sort());
    expect(markdown).toMatch(new RegExp(`^\\| \`driver\` \\| required \\|.*\`${name}\``, 'm'));
  });

  it('lists the fields that every driver has, and no other', () => {
    const own = DATABASE_DRIVER_NAMES.flatMap((name) => Object.keys(databaseDriver(name).options));
    const shared = fieldsOf(schemaAt(`${OUTPUTS}.0.dicom_store`)).filter((field) => !own.includes(field));
    expect([...documented('`dicom_store`')].sort()).toEqual([...shared].sort());
  });

  it('lists the other fields at the top', () => {
    const top = ['metrics', 'shutdown_delay', 'shutdown_timeout'].flatMap((name) => {
      const nested = fieldsOf(schemaAt(name), `${name}.`);
      return nested.length > 0 ? nested : [name];
    });
    expect([...documented('`metrics`, shutdown')].sort()).toEqual(top.sort());
  });

  it('names the fields of every list entry', () => {
    const tls = definitionOf(schemaAt('input.redpanda')).shape?.tls;
    const lists = {
      'tls.client_certs': tls && definitionOf(tls).shape?.client_certs,
      sasl: definitionOf(schemaAt('input.redpanda')).shape?.sasl,
    };
    const missing = Object.entries(lists).flatMap(([name, schema]) => {
      const entry = schema && definitionOf(schema).element;
      const row = markdown.split('\n').find((line) => line.startsWith(`| \`${name}\` | |`)) ?? '';
      const fields = entry === undefined ? ['no schema'] : fieldsOf(entry);
      return fields.filter((field) => !row.includes(`\`${field}\``)).map((field) => `${name}: ${field}`);
    });
    expect(missing).toEqual([]);
  });

  it('lists every variable of redpanda.yaml with its default, and no other', () => {
    const used = new Map(
      [...shipped.matchAll(/\$\{([A-Z_]+):([^}]*)\}/g)].map(([, name = '', fallback = '']) => [name, fallback]),
    );
    const section = markdown.split('## Environment variables')[1]?.split('\n\n| written')[0] ?? '';
    const listed = new Map(
      [...section.matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\|/gm)].map(([, name = '', fallback = '']) => [
        name,
        fallback,
      ]),
    );
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(used));
  });
});
