/** The connection fields that `input.redpanda` and `output.redpanda` share. */
import { z } from 'zod';
import type { ClientCertConfig, KafkaConnectionConfig, SaslConfig, TlsConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { bool, commaList, list, mapping, oneOf, onlyDefault, text } from './fields.ts';
import type { Path } from './yaml-tree.ts';

const clientCertSchema = mapping({
  cert: text().default(''),
  key: text().default(''),
  cert_file: text().default(''),
  key_file: text().default(''),
  password: text().default(''),
});

const tlsSchema = mapping({
  enabled: bool().default(false),
  skip_cert_verify: bool().default(false),
  enable_renegotiation: onlyDefault(false),
  root_cas: text().default(''),
  root_cas_file: text().default(''),
  client_certs: list(clientCertSchema).default([]),
});

const saslSchema = mapping({
  mechanism: oneOf(['none', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']),
  username: text().default(''),
  password: text().default(''),
  token: text().default(''),
  extensions: onlyDefault({}),
  aws: onlyDefault({}),
});

/** The fields, to be spread into a component's own. */
export const kafkaConnectionFields = {
  seed_brokers: commaList(),
  client_id: text().default('redpanda-connect'),
  tls: tlsSchema.optional(),
  sasl: list(saslSchema).default([]),
  metadata_max_age: onlyDefault('1m'),
  request_timeout_overhead: onlyDefault('10s'),
  conn_idle_timeout: onlyDefault('20s'),
  tcp: onlyDefault({
    connect_timeout: '0s',
    keep_alive: { idle: '15s', interval: '15s', count: 9 },
    tcp_user_timeout: '0s',
  }),
};

const schema = z.object(kafkaConnectionFields);

/** Reads the fields at `path` and reports combinations that are not possible. */
export function readKafkaConnection(
  document: ConfigDocument,
  path: Path,
  fields: z.output<typeof schema>,
): KafkaConnectionConfig {
  const tls = fields.tls === undefined ? undefined : readTls(document, [...path, 'tls'], fields.tls);
  const sasl = readSasl(document, [...path, 'sasl'], fields.sasl);
  return {
    seedBrokers: fields.seed_brokers,
    clientId: fields.client_id,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

function readTls(document: ConfigDocument, path: Path, tls: z.output<typeof tlsSchema>): TlsConfig | undefined {
  if (!tls.enabled) return undefined;
  if (tls.root_cas !== '' && tls.root_cas_file !== '') {
    document.report([...path, 'root_cas_file'], 'only one of root_cas and root_cas_file can be set');
  }
  if (tls.client_certs.length > 1) {
    document.report([...path, 'client_certs', 1], 'expected at most one client certificate');
  }
  const clientCert = readClientCert(document, [...path, 'client_certs', 0], tls.client_certs[0]);
  return {
    skipCertVerify: tls.skip_cert_verify,
    ...(tls.root_cas === '' ? {} : { rootCas: tls.root_cas }),
    ...(tls.root_cas_file === '' ? {} : { rootCasFile: tls.root_cas_file }),
    ...(clientCert === undefined ? {} : { clientCert }),
  };
}

function readClientCert(
  document: ConfigDocument,
  path: Path,
  fields: z.output<typeof clientCertSchema> | undefined,
): ClientCertConfig | undefined {
  if (fields === undefined) return undefined;
  const password = fields.password === '' ? {} : { password: document.secretAt([...path, 'password']) };
  const inline = fields.cert !== '' && fields.key !== '';
  const files = fields.cert_file !== '' && fields.key_file !== '';
  const given = [fields.cert, fields.key, fields.cert_file, fields.key_file].filter((value) => value !== '').length;
  if (given !== 2 || inline === files) {
    document.report(path, 'expected either cert and key, or cert_file and key_file');
    return undefined;
  }
  return inline
    ? { kind: 'inline', cert: fields.cert, key: document.secretAt([...path, 'key']), ...password }
    : { kind: 'files', certFile: fields.cert_file, keyFile: fields.key_file, ...password };
}

function readSasl(
  document: ConfigDocument,
  path: Path,
  entries: z.output<typeof saslSchema>[],
): SaslConfig | undefined {
  const asked = entries.flatMap((entry, index) => (entry.mechanism === 'none' ? [] : [{ ...entry, index }]));
  const [entry, second] = asked;
  if (second !== undefined) document.report([...path, second.index], 'expected at most one mechanism other than none');
  if (entry === undefined || entry.mechanism === 'none') return undefined;
  const place = [...path, entry.index];
  if (entry.mechanism === 'OAUTHBEARER') {
    if (entry.token === '') document.report([...place, 'token'], 'is required for OAUTHBEARER');
    return { mechanism: entry.mechanism, token: document.secretAt([...place, 'token']) };
  }
  for (const field of ['username', 'password'] as const) {
    if (entry[field] === '') document.report([...place, field], `is required for ${entry.mechanism}`);
  }
  return {
    mechanism: entry.mechanism,
    username: entry.username,
    password: document.secretAt([...place, 'password']),
  };
}
