/** Reads the settings of the process: `http`, `logger`, `metrics` and the shutdown times. */
import type { Config, HttpConfig, LoggerConfig, LogLevel } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { bool, duration, mapping, nonEmptyText, oneOf, onlyDefault, text, textMap } from './fields.ts';

const httpSchema = mapping({
  enabled: bool().default(true),
  address: nonEmptyText().default('127.0.0.1:4195'),
  root_path: text().default('/benthos'),
  debug_endpoints: onlyDefault(false),
  cert_file: onlyDefault(''),
  key_file: onlyDefault(''),
  cors: onlyDefault({ enabled: false, allowed_origins: [] }),
  basic_auth: onlyDefault({
    enabled: false,
    realm: 'restricted',
    username: '',
    password_hash: '',
    algorithm: 'sha256',
    salt: '',
  }),
}).prefault({});

const LEVELS: Readonly<Record<string, LogLevel>> = {
  OFF: 'silent',
  NONE: 'silent',
  FATAL: 'fatal',
  ERROR: 'error',
  WARN: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
  TRACE: 'trace',
  ALL: 'trace',
};

const loggerSchema = mapping({
  level: oneOf(Object.keys(LEVELS), { anyCase: true }).default('INFO'),
  format: oneOf(['json', 'logfmt']).default('logfmt'),
  static_fields: textMap().default({ '@service': 'wado-consumer' }),
  add_timestamp: onlyDefault(true),
  level_name: onlyDefault('level'),
  timestamp_name: onlyDefault('time'),
  message_name: onlyDefault('msg'),
  file: onlyDefault({ path: '', rotate: false, rotate_max_age_days: 0 }),
}).prefault({});

const metricsSchema = mapping({ prometheus: mapping({}).prefault({}), mapping: onlyDefault('') }).prefault({});

export type ServiceConfig = Pick<Config, 'http' | 'logger' | 'shutdownDelayMs' | 'shutdownTimeoutMs'>;

export function readService(document: ConfigDocument): ServiceConfig | undefined {
  const http = readHttp(document);
  const logger = readLogger(document);
  document.check(metricsSchema, ['metrics']);
  const shutdownDelayMs = document.check(duration('0s').default(0), ['shutdown_delay']);
  const shutdownTimeoutMs = document.check(duration().default(20_000), ['shutdown_timeout']);
  if (http === undefined || logger === undefined || shutdownDelayMs === undefined || shutdownTimeoutMs === undefined) {
    return undefined;
  }
  return { http, logger, shutdownDelayMs, shutdownTimeoutMs };
}

function readHttp(document: ConfigDocument): HttpConfig | undefined {
  const fields = document.check(httpSchema, ['http']);
  if (fields === undefined) return undefined;
  const address = parseAddress(fields.address);
  if (address === undefined) {
    document.report(['http', 'address'], 'expected host:port, such as 127.0.0.1:4195, [::1]:4195 or :4195');
    return undefined;
  }
  if (fields.root_path !== '' && !/^\/[\w./-]*$/.test(fields.root_path)) {
    document.report(['http', 'root_path'], 'expected a path that starts with /');
  }
  return {
    enabled: fields.enabled,
    ...address,
    rootPath: fields.root_path.replace(/\/+$/, ''),
  };
}

/** Parses a listening address in Go's form; without a host it means every interface. */
function parseAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, bare, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  return { host: bracketed ?? (bare || '0.0.0.0'), port };
}

function readLogger(document: ConfigDocument): LoggerConfig | undefined {
  const fields = document.check(loggerSchema, ['logger']);
  if (fields === undefined) return undefined;
  return { level: LEVELS[fields.level] ?? 'info', format: fields.format, staticFields: fields.static_fields };
}
