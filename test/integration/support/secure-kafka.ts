import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmin } from '../../../src/kafka/admin/admin.ts';
import { type Authority, type Certificate, createAuthority } from '../../../src/testing/certificates.ts';
import { freePort } from '../../../src/testing/free-port.ts';

/** How a listener wants to be spoken to. All of them are one broker's. */
const LISTENERS = ['plain', 'tls', 'expired', 'misnamed', 'mutual', 'sasl'] as const;
export type Listener = (typeof LISTENERS)[number];

/**
 * A real broker with a listener for each way: `plain` for the test itself, `tls`, `expired` and `misnamed` by their certificates, `mutual`
 * asks the client for a certificate, `sasl` (over TLS) for a password, and for it again every few seconds.
 */
export interface SecureKafka {
  readonly authority: Authority;
  /** `localhost:port` of a listener. */
  readonly brokers: Readonly<Record<Listener, string>>;
  /**
   * How long after a log-in the broker still answers on that connection, in milliseconds: after it, a password that is good no more serves
   * nobody. A client has several connections, and each learns so at its own time.
   */
  readonly reauthenticateMs: number;
  /** Sets a user's password, the former one being good no more; a user that isn't there yet is made. */
  setScramPassword(mechanism: ScramMechanism, user: string, password: string): void;
  stop(): Promise<void>;
}

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

/** Known to the mechanism PLAIN, which keeps its users in the broker's configuration. */
export const PLAIN_USER = { user: 'paula', password: 'plain-password' };

const REAUTHENTICATE_MS = 3_000;
const START_MS = 90_000;

/** Null and why, where a part of it can't be had: Java, Kafka's jars, openssl. */
export async function startSecureKafka(): Promise<SecureKafka | { readonly missing: string }> {
  const libs = kafkaLibs();
  if (libs === undefined) return { missing: 'Java and the jars of Kafka: scripts/services.sh up kafka fetches them' };
  const authority = createAuthority();
  if (authority === undefined) return { missing: 'the openssl command' };
  const folder = mkdtempSync(join(tmpdir(), 'wado-secure-kafka-'));
  const ports: number[] = [];
  for (const _ of [...LISTENERS, 'CONTROLLER']) ports.push(await freePort());
  const brokers = Object.fromEntries(LISTENERS.map((name, n) => [name, `localhost:${ports[n]}`]));
  const properties = join(folder, 'server.properties');
  writeFileSync(properties, configuration(folder, authority, ports));
  const java = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${libs}/*`];
  const tool = (main: string, ...parts: string[]) =>
    execFileSync('java', [...java, main, ...parts], { stdio: 'pipe', env: quiet() });
  tool('kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', properties);
  const broker = spawn('java', [...java, 'kafka.Kafka', properties], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: quiet(),
  });
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
    authority.remove();
  };
  try {
    await started(broker);
    await groupsAnswer(brokers.plain ?? '');
  } catch (error) {
    await ended(broker);
    remove();
    throw error;
  }
  return {
    authority,
    brokers: brokers as Record<Listener, string>,
    reauthenticateMs: REAUTHENTICATE_MS,
    setScramPassword(mechanism, user, password) {
      const config = `${mechanism}=[iterations=4096,password=${password}]`;
      const what = ['--entity-type', 'users', '--entity-name', user, '--add-config', config];
      tool('kafka.admin.ConfigCommand', '--bootstrap-server', brokers.plain ?? '', '--alter', ...what);
    },
    async stop() {
      await ended(broker);
      remove();
    },
  };
}

function configuration(folder: string, authority: Authority, ports: readonly number[]): string {
  const controller = ports.at(-1);
  const all = LISTENERS.map((name, n) => `${name.toUpperCase()}://localhost:${ports[n]}`);
  const certificates: Partial<Record<Listener, Certificate>> = {
    tls: authority.issue(),
    expired: authority.issue({ days: -1 }),
    misnamed: authority.issue({ names: 'DNS:other.example' }),
    mutual: authority.issue(),
    sasl: authority.issue(),
  };
  const kinds = LISTENERS.map((name) => {
    const kind = name === 'plain' ? 'PLAINTEXT' : name === 'sasl' ? 'SASL_SSL' : 'SSL';
    return `${name.toUpperCase()}:${kind}`;
  });
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@localhost:${controller}`,
    `listeners=${all.join(',')},CONTROLLER://localhost:${controller}`,
    `advertised.listeners=${all.join(',')}`,
    `listener.security.protocol.map=${kinds.join(',')},CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name=PLAIN',
    'controller.listener.names=CONTROLLER',
    `log.dirs=${folder}/logs`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    ...Object.entries(certificates).flatMap(([name, certificate]) => keyStore(name, certificate, authority)),
    'listener.name.mutual.ssl.client.auth=required',
    'listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.sasl.plain.sasl.jaas.config=${plain} user_${PLAIN_USER.user}="${PLAIN_USER.password}";`,
    `listener.name.sasl.scram-sha-256.sasl.jaas.config=${scram}`,
    `listener.name.sasl.scram-sha-512.sasl.jaas.config=${scram}`,
    ...['plain', 'scram-sha-256', 'scram-sha-512'].map(
      (kind) => `listener.name.sasl.${kind}.connections.max.reauth.ms=${REAUTHENTICATE_MS}`,
    ),
  ].join('\n');
}

function keyStore(listener: string, { cert, key }: Certificate, authority: Authority): string[] {
  // A value of several lines: each but the last ends in a backslash.
  const lines = (pem: string) => pem.trim().replaceAll('\n', '\\n');
  const prefix = `listener.name.${listener}.ssl`;
  return [
    `${prefix}.keystore.type=PEM`,
    `${prefix}.keystore.certificate.chain=${lines(cert)}`,
    `${prefix}.keystore.key=${lines(key)}`,
    `${prefix}.truststore.type=PEM`,
    `${prefix}.truststore.certificates=${lines(authority.ca)}`,
  ];
}

/** Where scripts/services.sh keeps the jars; it is asked to fetch them where they are missing and Maven is there. */
function kafkaLibs(): string | undefined {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    const script = '. scripts/services/common.sh; . scripts/services/kafka.sh; echo "$kafka_libs"';
    const libs = execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim();
    return existsSync(libs) ? libs : undefined;
  } catch {
    return undefined;
  }
}

function quiet(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME };
}

function started(broker: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = () => reject(new Error(`Kafka did not start:\n${said.slice(-4_000)}`));
    const timer = setTimeout(fail, START_MS);
    const hear = (data: Buffer) => {
      said = `${said}${data}`.slice(-100_000);
      if (!said.includes('Kafka Server started')) return;
      clearTimeout(timer);
      said = '';
      broker.off('exit', fail);
      resolve();
    };
    broker.stdout?.on('data', hear);
    broker.stderr?.on('data', hear);
    broker.once('exit', fail);
  });
}

/** Whoever asks for a group first makes the broker create the topic of all groups, and is turned away until that is there. */
async function groupsAnswer(brokers: string): Promise<void> {
  const admin = createAdmin({ 'bootstrap.servers': brokers });
  const deadline = performance.now() + START_MS;
  try {
    await admin.createTopics(['warm-up'], 1);
    for (;;) {
      try {
        return void (await admin.committedOffsets('warm-up', 'warm-up'));
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  } finally {
    admin.close();
  }
}

function ended(broker: ChildProcess): Promise<void> {
  if (broker.exitCode !== null || broker.signalCode !== null) return Promise.resolve();
  const exit = new Promise<void>((resolve) => broker.once('exit', () => resolve()));
  broker.kill('SIGKILL');
  return exit;
}
