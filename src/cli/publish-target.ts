/** Where `publish` sends its records. */
import { InvalidArgumentError } from 'commander';
import type { ProducerConfig } from '../config/config.ts';
import { type Environment, readEnvironment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import { lookUp } from '../config/variables.ts';
import { CliError, EXIT } from './cli-error.ts';

export const DEFAULT_BROKER = '127.0.0.1:9092';
export const DEFAULT_TOPIC = 'storage_queue';

export interface TargetOptions {
  readonly brokers?: readonly string[];
  readonly config?: string;
  readonly topic?: string;
}

export interface PublishTarget {
  readonly topic: string;
  readonly producer: ProducerConfig;
}

const SETTINGS = {
  clientId: 'wado-consumer-publish',
  idempotentWrite: true,
  acks: 'all',
  compression: 'lz4',
  timeoutMs: 10_000,
  maxMessageBytes: 1024 * 1024,
} as const;

/**
 * The input of `--config` (brokers, TLS, SASL, topic). Without it: `--brokers` and `--topic`, then KAFKA_BROKERS and
 * STORAGE_TOPIC, which redpanda.yaml reads too, then the defaults. Throws ConfigError or CliError.
 */
export function publishTarget(options: TargetOptions, environment: Environment = readEnvironment()): PublishTarget {
  if (options.config === undefined) {
    const seedBrokers = options.brokers ?? brokersOf(environment) ?? [DEFAULT_BROKER];
    const topic = options.topic ?? variable('STORAGE_TOPIC', environment) ?? DEFAULT_TOPIC;
    return { topic, producer: { ...SETTINGS, seedBrokers } };
  }
  const { seedBrokers, tls, sasl, topics } = loadConfig(options.config, { env: environment }).input;
  const security = { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
  return { topic: options.topic ?? topics[0] ?? DEFAULT_TOPIC, producer: { ...SETTINGS, seedBrokers, ...security } };
}

/** `host:port`, several separated by commas. Throws commander's InvalidArgumentError. */
export function brokerList(text: string): readonly string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  if (brokers.some((broker) => !/^\S+:\d+$/.test(broker)))
    throw new InvalidArgumentError('expected host:port,host:port');
  return brokers;
}

function brokersOf(environment: Environment): readonly string[] | undefined {
  const text = variable('KAFKA_BROKERS', environment);
  if (text === undefined) return undefined;
  try {
    return brokerList(text);
  } catch {
    throw new CliError(EXIT.usage, 'KAFKA_BROKERS: expected host:port,host:port');
  }
}

/** As in a configuration's `${NAME:default}`: an empty variable counts as unset, and NAME_FILE is read. */
function variable(name: string, environment: Environment): string | undefined {
  const found = lookUp(name, environment);
  if (found.kind === 'unreadable') throw new CliError(EXIT.usage, found.message);
  return found.kind === 'value' && found.value !== '' ? found.value : undefined;
}
