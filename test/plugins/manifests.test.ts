import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DATABASE_DRIVERS } from '../../src/databases/registry.ts';
import { readGroupConfig, readStoreConfig } from '../../src/plugins/component-config.ts';
import { PLUGINS } from '../../src/plugins/registry.ts';

interface Field {
  readonly name: string;
  readonly type: 'string' | 'int' | 'bool';
  readonly kind?: 'list';
  readonly default?: string | number | boolean;
}

interface Manifest {
  readonly name: string;
  readonly type: string;
  readonly command: readonly string[];
  readonly fields: readonly Field[];
}

const folder = join(import.meta.dirname, '../../plugins');
const manifests: readonly Manifest[] = readdirSync(folder).map((file) =>
  parse(readFileSync(join(folder, file), 'utf8')),
);
const manifestOf = (name: string) => manifests.find((each) => each.name === name);

/** What Redpanda Connect passes to the plugin: the given fields and the manifest's defaults. */
function filledIn(name: string, given: Record<string, string | string[]>) {
  const fields = manifestOf(name)?.fields ?? [];
  return {
    ...Object.fromEntries(fields.flatMap((each) => ('default' in each ? [[each.name, each.default ?? null]] : []))),
    ...given,
  };
}

describe('the manifests', () => {
  it('are those of the plugins, with the command that serves them and their type', () => {
    expect(manifests.map(({ name }) => name).sort()).toEqual(Object.keys(PLUGINS).sort());
    for (const { name, command, type } of manifests) {
      expect(command.slice(1)).toEqual(['../dist/src/cli/wado-consumer.cjs', 'plugin', name]);
      expect(PLUGINS[name]?.type).toBe(type);
    }
  });

  it('have the fields of redpanda.yaml with the same defaults', () => {
    const given = { storage_roots: ['/data/dicom'] };
    expect(readGroupConfig(filledIn('group_dicom_state', given))).toEqual(readGroupConfig(given));
    for (const [driver, dsn] of [
      ['postgres', 'postgres://localhost/dicom'],
      ['mysql', 'mysql://root@localhost/dicom'],
      ['doris', 'doris://root@localhost:8030/dicom'],
    ] as const) {
      const { dsn: shown, ...config } = readStoreConfig(filledIn('dicom_store', { driver, dsn }));
      const { dsn: alone, ...expected } = readStoreConfig({ driver, dsn });
      expect(config).toEqual(expected);
      expect([shown.reveal(), alone.reveal()]).toEqual([dsn, dsn]);
    }
    expect(Object.keys(DATABASE_DRIVERS)).toHaveLength(3);
  });

  it('have every option of every database driver', () => {
    const fields = manifestOf('dicom_store')?.fields.map(({ name }) => name);
    const options = Object.values(DATABASE_DRIVERS).flatMap((driver) => Object.keys(driver.options));
    expect(fields).toEqual(expect.arrayContaining(options));
  });

  it('refuse fields that redpanda.yaml does not have, and name the others', () => {
    const known = (name: string) => manifestOf(name)?.fields.map((each) => each.name) ?? [];
    const refusal = (read: () => unknown) => {
      try {
        read();
        return '';
      } catch (error) {
        return String(error);
      }
    };
    for (const name of known('group_dicom_state'))
      expect(refusal(() => readGroupConfig({ [name]: null }))).not.toContain('unknown field');
    for (const name of known('dicom_store'))
      expect(refusal(() => readStoreConfig({ [name]: null }))).not.toContain('unknown field');
    expect(refusal(() => readGroupConfig({ storage_root: ['/data'] }))).toContain('unknown field storage_root');
  });
});

describe('the configuration that Redpanda Connect passes', () => {
  it('is read as it is: variables in it were replaced before', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a password that looks like a variable
    const dsn = 'postgres://user:p%24${HOME}"@localhost/dicom';
    expect(readStoreConfig({ driver: 'postgres', dsn }).dsn.reveal()).toBe(dsn);
  });

  it('is refused with the names of the wrong fields, never with a value', () => {
    expect(() => readGroupConfig({ storage_roots: ['secret/data'], workers: 0 })).toThrow(
      /^storage_roots\.0: expected an absolute path; workers: expected a whole number/,
    );
    expect(() => readStoreConfig({ driver: 'postgres', dsn: 'user:secret@host' })).toThrow(/^dsn: (?!.*secret)/);
  });

  it('may not hold an option of another driver, but at its default', () => {
    const dsn = 'postgres://localhost/dicom';
    expect(() => readStoreConfig({ driver: 'postgres', dsn, gzip: true })).toThrow(
      /gzip: is an option of the driver doris/,
    );
    expect(readStoreConfig({ driver: 'postgres', dsn, gzip: false }).options).toEqual({ copy: true, prepare: true });
  });
});
