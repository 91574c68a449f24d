import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Authority, type Certificate, createAuthority } from '../../src/testing/certificates.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { untilError, untilNoError } from './support/readiness.ts';
import { type Listener, PLAIN_USER, type SecureKafka, startSecureKafka } from './support/secure-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const SCRAM_USER = { user: 'sally', password: 'first-S3cret' };
const WRONG = 'wr0ng-S3cret';

/** How the service is to log in: everything but the server it reaches. */
interface Client {
  readonly trusts?: Authority;
  readonly certificate?: Certificate;
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly user?: string;
  readonly password?: string;
}

await describeWith(['postgres'], 'a broker that wants TLS or a log-in', ({ postgres }) => {
  let kafka: SecureKafka;
  let missing: string | undefined;
  let stranger: Authority;

  beforeAll(async () => {
    const started = await startSecureKafka();
    if ('missing' in started) missing = started.missing;
    else {
      kafka = started;
      stranger = createAuthority() as Authority;
      kafka.setScramPassword('SCRAM-SHA-256', SCRAM_USER.user, SCRAM_USER.password);
      kafka.setScramPassword('SCRAM-SHA-512', SCRAM_USER.user, SCRAM_USER.password);
    }
  });
  afterAll(async () => {
    stranger?.remove();
    await kafka?.stop();
  });
  beforeEach((context) => {
    if (missing !== undefined) context.skip(`there is no ${missing}`);
  });

  const newPipeline = () => Pipeline.create({ brokers: kafka.brokers.plain, dsn: postgres.dsn, partitions: 2 });

  /** The service on `listener`, with the shipped configuration's own lines for TLS and SASL. */
  function start(pipeline: Pipeline, listener: Listener, client: Client, args: readonly string[] = []): ServiceProcess {
    const config = join(pipeline.folder, 'redpanda.yaml');
    writeFileSync(config, secured(client.trusts ?? kafka.authority, client));
    const password = passwordFile(pipeline);
    writeFileSync(password, `${client.password ?? ''}\n`);
    const env = {
      KAFKA_BROKERS: kafka.brokers[listener],
      KAFKA_USER: client.user ?? '',
      KAFKA_PASSWORD_FILE: password,
    };
    return pipeline.start(env, args, { config });
  }

  it.each<[string, Listener, () => Client]>([
    ['TLS', 'tls', () => ({})],
    ['TLS with a certificate of its own', 'mutual', () => ({ certificate: kafka.authority.issue() })],
    ['PLAIN over TLS', 'sasl', () => ({ mechanism: 'PLAIN', ...PLAIN_USER })],
    ['SCRAM-SHA-256 over TLS', 'sasl', () => ({ mechanism: 'SCRAM-SHA-256', ...SCRAM_USER })],
    ['SCRAM-SHA-512 over TLS', 'sasl', () => ({ mechanism: 'SCRAM-SHA-512', ...SCRAM_USER })],
  ])('is served by %s', async (_, listener, client) => {
    await using pipeline = await newPipeline();
    const load = await pipeline.publish({ count: 200 });
    const service = start(pipeline, listener, client());
    await pipeline.untilCommitted(60 * SECONDS);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });

  it.concurrent.each<[string, Listener, string, () => Client]>([
    ['its certificate is for another name', 'misnamed', 'certificate_refused', () => ({})],
    ['its certificate has expired', 'expired', 'certificate_refused', () => ({})],
    ['its authority is unknown', 'tls', 'certificate_refused', () => ({ trusts: stranger })],
    ['it speaks no TLS', 'plain', 'tls_failed', () => ({})],
    ['it wants a certificate and gets none', 'mutual', 'client_certificate_refused', () => ({})],
    [
      'it wants a certificate and gets a stranger’s',
      'mutual',
      'client_certificate_refused',
      () => ({ certificate: stranger.issue() }),
    ],
    [
      'it wants a certificate and gets an expired one',
      'mutual',
      'client_certificate_refused',
      () => ({ certificate: kafka.authority.issue({ days: -1 }) }),
    ],
    [
      'it refuses the password (PLAIN)',
      'sasl',
      'sasl_failed',
      () => ({ mechanism: 'PLAIN', ...PLAIN_USER, password: WRONG }),
    ],
    [
      'it refuses the password (SCRAM-SHA-256)',
      'sasl',
      'sasl_failed',
      () => ({ mechanism: 'SCRAM-SHA-256', ...SCRAM_USER, password: WRONG }),
    ],
    [
      'it refuses the password (SCRAM-SHA-512)',
      'sasl',
      'sasl_failed',
      () => ({ mechanism: 'SCRAM-SHA-512', ...SCRAM_USER, password: WRONG }),
    ],
  ])('is waited for when %s: nothing is taken, and the reason is said', async (_, listener, reason, client) => {
    await using pipeline = await newPipeline();
    await pipeline.publish({ count: 20 });
    const credentials = client();
    const service = start(pipeline, listener, credentials);
    await untilError(service, reason);
    const ready = await (await fetch(`${service.url()}/ready`)).text();
    await sleep(2 * SECONDS);
    const log = pipeline.logText();
    expect(await pipeline.lag()).toBe(20);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(sizes(await pipeline.endState())).toEqual([0, 0, 0, 0, 0, 0]);
    // Said in the log as well, and not as a break: waiting is what it is there for.
    expect(log).toContain(reason);
    expect(log).not.toContain('topology failed');
    const secrets = [WRONG, PLAIN_USER.password, SCRAM_USER.password, credentials.certificate?.key.split('\n')[1]];
    for (const secret of secrets) {
      if (secret === undefined) continue;
      expect(log).not.toContain(secret);
      expect(ready).not.toContain(secret);
    }
  });

  it.each<[string, readonly string[]]>([
    ['at least once', []],
    ['exactly once', ['--exactly-once']],
  ])('that refuses the password does not hold up the end, %s', async (title, args) => {
    await using pipeline = await newPipeline();
    const user = { user: `refused ${title}`, password: 'second-S3cret' };
    kafka.setScramPassword('SCRAM-SHA-256', user.user, user.password);
    const load = await pipeline.publish({ count: 50 });
    const service = start(pipeline, 'sasl', { mechanism: 'SCRAM-SHA-256', ...user }, args);
    await pipeline.untilCommitted(60 * SECONDS);
    kafka.setScramPassword('SCRAM-SHA-256', user.user, 'third-S3cret');
    await untilError(service, 'sasl_failed');
    await sleep(2 * kafka.reauthenticateMs);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
  });

  it.each<['SCRAM-SHA-256' | 'SCRAM-SHA-512', readonly string[]]>([
    ['SCRAM-SHA-256', []],
    ['SCRAM-SHA-512', ['--exactly-once']],
  ])(
    'that no longer takes the password stalls the service until the file has the new one (%s %s)',
    {
      timeout: 180 * SECONDS,
    },
    async (mechanism, args) => {
      await using pipeline = await newPipeline();
      const user = { user: `rotated-${mechanism}`, password: 'second-S3cret' };
      kafka.setScramPassword(mechanism, user.user, user.password);
      const before = await pipeline.publish({ count: 200 });
      const service = start(pipeline, 'sasl', { mechanism, ...user }, args);
      await pipeline.untilCommitted(60 * SECONDS);

      kafka.setScramPassword(mechanism, user.user, 'third-S3cret');
      // The broker asks again every few seconds (KIP-368).
      await untilError(service, 'sasl_failed');
      // That is one of its connections; the others are served until their time has come as well.
      await sleep(2 * kafka.reauthenticateMs);
      const after = await pipeline.publish({ count: 200, seed: 2 });
      rmSync(passwordFile(pipeline));
      await sleep(5 * SECONDS);
      expect(await pipeline.lag()).toBe(200);
      expect((await pipeline.endState()).deadLetters.size).toBe(0);

      writeFileSync(passwordFile(pipeline), 'third-S3cret\n');
      await pipeline.untilCommitted(60 * SECONDS);
      await untilNoError(service);

      // And once more while there is nothing to do.
      kafka.setScramPassword(mechanism, user.user, 'fourth-S3cret');
      await untilError(service, 'sasl_failed');
      writeFileSync(passwordFile(pipeline), 'fourth-S3cret\n');
      await untilNoError(service);
      expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(differences(await pipeline.endState(), expectedState([...before, ...after]))).toEqual([]);
      const log = pipeline.logText();
      expect(log.match(/"started"/g)).toHaveLength(1);
      // In a transaction, partitions that are lost with records in flight end the topology: another member may be publishing them.
      if (args.length === 0) expect(log).not.toContain('topology failed');
      expect(log).not.toMatch(/(?:second|third|fourth)-S3cret/);
    },
  );
});

function passwordFile(pipeline: Pipeline): string {
  return join(pipeline.folder, 'kafka-password');
}

/** redpanda.yaml with the lines on TLS and SASL that stand in it as comments, for input and outputs alike. */
function secured(trusts: Authority, { certificate, mechanism }: Client): string {
  const shipped = readFileSync('redpanda.yaml', 'utf8');
  const commented = /^ {4}# tls:\n(?: {4}# .*\n)+/m.exec(shipped)?.[0] ?? '';
  const { tls, sasl } = parse(commented.replaceAll(/^ {4}# /gm, ''));
  const { cert_file, key_file } = tls.client_certs[0];
  expect([cert_file, key_file, sasl[0].username, sasl[0].password]).toEqual([
    expect.any(String),
    expect.any(String),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration
    '${KAFKA_USER:}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration
    '${KAFKA_PASSWORD:}',
  ]);
  const ours = {
    tls: {
      ...tls,
      root_cas_file: trusts.caFile,
      client_certs:
        certificate === undefined ? [] : [{ cert_file: certificate.certFile, key_file: certificate.keyFile }],
    },
    sasl: mechanism === undefined ? [] : [{ ...sasl[0], mechanism }],
  };
  const lines = (indent: number) =>
    Object.entries(ours)
      .map(([key, value]) => `${' '.repeat(indent)}${key}: ${JSON.stringify(value)}\n`)
      .join('');
  const outputs = / {18}redpanda:\n/g;
  expect(shipped.match(outputs)).toHaveLength(3);
  return shipped.replace(commented, () => lines(4)).replaceAll(outputs, (block) => block + lines(20));
}

function sizes(state: object): readonly number[] {
  return Object.values(state).map((keys: ReadonlySet<string>) => keys.size);
}
