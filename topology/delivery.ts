/** What a custom topology gets from the service and from the TopologyTestDriver. */
import type { DeadLetterSink, Sink, Transaction } from '../src/ports.ts';
import type { BatchRecord } from '../src/records/records.ts';
import type { RecordOf, TransactionTopic } from '../src/sinks/publications.ts';
import type { Topology } from './compose.ts';
import type { ExactlyOnceNodes, Nodes, Settings } from './topology.ts';

/** The nodes of the configuration, for a custom at-least-once topology. */
export interface ServiceNodes extends Nodes {
  /** The databases; `sinks` has them, too. */
  readonly databases: readonly Sink[];
  /** The state and the image topic; `sinks` has them, too. */
  readonly topics: readonly Sink[];
  /** The dead-letter topic, for batches of any type. */
  readonly deadLetters: DeadLetterSink;
  /** Creates a sink named `name` that publishes to `topic` what `recordOf` makes of each record. */
  topic<R extends BatchRecord>(name: string, topic: string, recordOf: RecordOf<R>): Sink<R>;
}

/** The nodes of the configuration, for a custom exactly-once topology. */
export interface ExactlyOnceServiceNodes extends ExactlyOnceNodes {
  /** The state and the image topic: those of `transaction`. */
  readonly topics: readonly TransactionTopic[];
  /**
   * Creates a transaction that publishes to these topics and to the dead-letter topic, to be used instead of `transaction`. A topology has
   * one transaction: all of them have the same transactional id.
   */
  transactionOf<R extends BatchRecord>(topics: readonly TransactionTopic<R>[]): Transaction<R>;
}

/** The delivery guarantee, and a custom topology. Its function is called again after each failure, with new nodes. */
export interface Delivery {
  /** Whether output records and offsets are committed in one Kafka transaction. Default false: at least once. */
  readonly exactlyOnce?: boolean;
  /** Composes the at-least-once graph from the nodes of the configuration. Default: `topology` of topology.ts. */
  readonly topology?: (nodes: ServiceNodes, settings: Settings) => Topology;
  /** Composes the exactly-once graph. Default: `exactlyOnceTopology` of topology.ts. */
  readonly exactlyOnceTopology?: (nodes: ExactlyOnceServiceNodes, settings: Settings) => Topology;
}

/** Throws a TypeError when only the graph of the other guarantee was given: it would be ignored. */
export function checkDelivery({ exactlyOnce = false, ...own }: Delivery): void {
  const [used, other] = exactlyOnce
    ? (['exactlyOnceTopology', 'topology'] as const)
    : (['topology', 'exactlyOnceTopology'] as const);
  if (own[used] === undefined && own[other] !== undefined)
    throw new TypeError(`with exactlyOnce: ${exactlyOnce}, the custom topology is ${used}, not ${other}`);
}
