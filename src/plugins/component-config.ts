/** The configuration of a plugin, as Redpanda Connect passes it, read by the same code as `redpanda.yaml`. */
import type { DatabaseConfig, GroupConfig } from '../config/config.ts';
import { readDatabase } from '../config/database.ts';
import { ConfigDocument } from '../config/document.ts';
import { readPipeline } from '../config/pipeline.ts';
import type { ConnectStruct, ConnectValue } from '../connect-plugin/index.ts';
import { PluginError } from '../connect-plugin/index.ts';
import { DATABASE_DRIVERS } from '../databases/registry.ts';

/** The fields of `group_dicom_state`. Throws a PluginError that names each invalid field, never a value. */
export function readGroupConfig(config: ConnectStruct): GroupConfig {
  const path = ['pipeline', 'processors', 0, 'group_dicom_state'];
  const document = documentOf({ pipeline: { processors: [{ group_dicom_state: config }] } });
  return checked(document, path, readPipeline(document));
}

/** The fields of `dicom_store`. Throws a PluginError that names each invalid field, never a value. */
export function readStoreConfig(config: ConnectStruct): DatabaseConfig {
  const document = documentOf({ dicom_store: withoutForeignDefaults(config) });
  const component = { type: 'dicom_store', label: '', path: 'dicom_store', body: ['dicom_store'] } as const;
  return checked(document, component.body, readDatabase(document, component));
}

function checked<T>(document: ConfigDocument, path: readonly (string | number)[], config: T | undefined): T {
  if (config !== undefined && document.issues.length === 0) return config;
  const name = path.join('.');
  const messages = document.issues.map(({ message }) => message.replace(`${name}.`, '').replace(` in ${name}`, ''));
  throw new PluginError(messages.join('; ') || 'the configuration is invalid');
}

function documentOf(root: ConnectStruct): ConfigDocument {
  // JSON is YAML. Connect has already replaced variables, so a `${` in a value must not be read as one.
  return new ConfigDocument('', JSON.stringify(root, plainNumbers).replaceAll('${', '\\u0024{'), {});
}

function plainNumbers(_name: string, value: ConnectValue): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/**
 * Connect fills in the manifest's defaults, which include the options of every driver. Those of other drivers are left out at their
 * defaults; at any other value they are an error, as in `redpanda.yaml`.
 */
function withoutForeignDefaults(config: ConnectStruct): ConnectStruct {
  const own = Object.entries(DATABASE_DRIVERS).find(([name]) => name === config.driver)?.[1].options ?? {};
  const foreign = new Map(
    Object.values(DATABASE_DRIVERS)
      .flatMap(({ options }) => Object.entries(options))
      .filter(([name]) => !Object.hasOwn(own, name))
      .map(([name]) => [name, STORE_DEFAULTS[name]]),
  );
  return Object.fromEntries(
    Object.entries(config).filter(([name, value]) => !foreign.has(name) || foreign.get(name) !== value),
  );
}

/** The drivers' options as the manifest (plugins/dicom_store.yaml) writes their defaults. */
const STORE_DEFAULTS: Readonly<Record<string, ConnectValue>> = {
  prepare: true,
  copy: true,
  load_period: '1s',
  load_bytes: '32MiB',
  gzip: false,
};
