/** The topology of a configuration without clients: what `wado-consumer describe` prints. */
import { NEVER } from 'rxjs';
import {
  type Config,
  type DatabaseConfig,
  nameOf,
  type PartialConfig,
  type TopicConfig,
} from '../src/config/config.ts';
import { databaseDriver } from '../src/databases/registry.ts';
import type { OutputNode, Sink, Source } from '../src/ports.ts';
import type { TransactionTopic } from '../src/sinks/publications.ts';
import type { Topology } from './compose.ts';
import { exactlyOnceTopology, type Settings, topology } from './topology.ts';

/** Composes the topology that `run` runs with this configuration. It has no clients: its nodes are only to be described. */
export function outlineOf(config: Config, { exactlyOnce = false } = {}): Topology {
  const settings = settingsOf(config, () => 0);
  const source: Source = { ...sourceNode(config), ...NO_RECORDS };
  const databases = config.databases.map(databaseNode).map(withoutClient);
  const { state, image, deadLetter } = config.topics;
  if (exactlyOnce) {
    const transaction = {
      ...withoutClient(transactionNode([named(state), named(image)], deadLetter)),
      commit: refuse,
      admit: refuseNow,
    };
    return exactlyOnceTopology({ source, reader: NO_READER, databases, transaction }, settings);
  }
  const sinks = [...databases, withoutClient(topicNode(state)), withoutClient(topicNode(image))];
  const deadLetters = withoutClient(deadLetterNode(deadLetter));
  return topology({ source, reader: NO_READER, sinks, deadLetters, offsets: { ack: refuseNow } }, settings);
}

/** The settings of the configuration. `inFlight` returns the number of records that are neither acknowledged nor waiting. */
export function settingsOf({ input: { batching, inOrder }, group }: PartialConfig, inFlight: () => number): Settings {
  return {
    batchCount: batching.count,
    ...(batching.byteSize === undefined ? {} : { batchBytes: batching.byteSize }),
    batchPeriodMs: batching.periodMs,
    ...(inOrder ? { inOrder: inFlight } : {}),
    ...(batching.flushWhenIdle ? { flushWhenIdle: inFlight } : {}),
    concurrency: group.concurrency,
    fileWaitMs: group.fileWaitMs,
  };
}

/** The name of the source, and its topics. */
export function sourceNode({ input }: PartialConfig): Pick<Source, 'name' | 'topics'> {
  return { name: nameOf(input), topics: input.topics };
}

/** The name of a database, and its product. */
export function databaseNode(database: DatabaseConfig): OutputNode {
  return {
    name: nameOf(database),
    target: { kind: 'database', name: databaseDriver(database.driver).description.title },
  };
}

/** The name of an output topic's sink, and the topic. */
export function topicNode(topic: TopicConfig): OutputNode {
  return outputTopicNode(named(topic));
}

/** The name of the dead-letter sink, and its topic. */
export function deadLetterNode(topic: TopicConfig): OutputNode {
  return { name: nameOf(topic), target: { kind: 'dead_letter', name: topic.topic } };
}

/** The name of the transaction, and what it publishes. */
export function transactionNode(topics: readonly Pick<TransactionTopic, 'name' | 'topic'>[], deadLetter: TopicConfig) {
  return { name: 'transaction', outputs: [...topics.map(outputTopicNode), deadLetterNode(deadLetter)] };
}

function named(topic: TopicConfig) {
  return { name: nameOf(topic), topic: topic.topic };
}

function outputTopicNode({ name, topic }: Pick<TransactionTopic, 'name' | 'topic'>): OutputNode {
  return { name, target: { kind: 'topic', name: topic } };
}

function refuseNow(): never {
  throw new TypeError('a topology without clients can only be described');
}

const refuse = async () => refuseNow();
const close = async () => undefined;
const NO_READER = { read: refuse, close };
const NO_RECORDS = {
  records$: NEVER,
  waiting: { revoked$: NEVER, isWanted: () => false, waits: close, resumable: () => 0, resumes: close },
  stop: close,
  close,
};

function withoutClient<Node extends { readonly name: string }>(
  node: Node,
): Node & Pick<Sink, 'connect' | 'write' | 'close'> {
  return { ...node, connect: refuse, write: refuse, close };
}
