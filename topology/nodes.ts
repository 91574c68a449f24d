/** The nodes of a topology as data. `compose.ts` makes them while it composes the operators; `describe.ts` prints them. */
import type { OutputNode, Sink, SinkTarget, Source, Transaction } from '../src/ports.ts';

/** A node. `to` names the next nodes. */
export type TopologyNode = SourceNode | ProcessorNode | SinkNode;

/** Where the records come from. */
export interface SourceNode {
  readonly kind: 'source';
  readonly name: string;
  readonly topics: readonly string[];
  readonly to: readonly string[];
}

/** An operator. */
export interface ProcessorNode {
  readonly kind: 'processor';
  readonly name: string;
  readonly to: readonly string[];
}

/** A database or a topic, dead letters included. */
export interface SinkNode {
  readonly kind: 'sink';
  readonly name: string;
  readonly target: SinkTarget;
  readonly to: readonly string[];
}

/** What `describe` needs to know of a sink. */
type Named = Pick<Sink, 'name' | 'target' | 'storesByVersion'>;

/** The nodes of an at-least-once topology: source, processors, sinks, and the processor that acknowledges. */
export function atLeastOnceNodes(
  source: Source,
  processors: readonly string[],
  sinks: readonly Named[],
): readonly TopologyNode[] {
  const nodes = sinks.map((sink) => sinkNode(sink, [ACKNOWLEDGE]));
  return unique([...chain(source, processors, namesOf(nodes)), ...nodes, processor(ACKNOWLEDGE, [])]);
}

/** The nodes of an exactly-once topology: source, processors, databases, the processor that commits, and what its transaction publishes. */
export function exactlyOnceNodes(
  source: Source,
  processors: readonly string[],
  databases: readonly Named[],
  { outputs }: Pick<Transaction, 'outputs'>,
): readonly TopologyNode[] {
  const nodes = databases.map((database) => sinkNode(database, [COMMIT]));
  const published = outputs.map(({ name, target }: OutputNode): SinkNode => ({ kind: 'sink', name, target, to: [] }));
  const first = nodes.length === 0 ? [COMMIT] : namesOf(nodes);
  return unique([...chain(source, processors, first), ...nodes, processor(COMMIT, namesOf(published)), ...published]);
}

const ACKNOWLEDGE = 'acknowledge_records';
const COMMIT = 'commit_together';

function chain({ name, topics }: Source, names: readonly string[], to: readonly string[]): readonly TopologyNode[] {
  const next = (index: number) => (names[index] === undefined ? to : [names[index]]);
  return [{ kind: 'source', name, topics, to: next(0) }, ...names.map((each, i) => processor(each, next(i + 1)))];
}

function processor(name: string, to: readonly string[]): ProcessorNode {
  return { kind: 'processor', name, to };
}

function sinkNode({ name, target, storesByVersion }: Named, to: readonly string[]): SinkNode {
  const kind = storesByVersion === true ? 'database' : 'topic';
  return { kind: 'sink', name, target: target ?? { kind, name }, to };
}

function namesOf(nodes: readonly TopologyNode[]): readonly string[] {
  return nodes.map(({ name }) => name);
}

/** Names identify nodes in `describe`, in metrics and in tests. */
function unique(nodes: readonly TopologyNode[]): readonly TopologyNode[] {
  const names = namesOf(nodes);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TypeError(`two nodes of the topology have the name ${twice}`);
  return nodes;
}
