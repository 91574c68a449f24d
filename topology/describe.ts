/**
 * The topology of a configuration as data, and as text: the form of Kafka Streams' `Topology#describe()`, and Mermaid.
 */
import { type Config, type DatabaseConfig, nameOf, type TopicConfig } from '../src/config/config.ts';
import { databaseDriver } from '../src/databases/registry.ts';

/** A node with its label and path in the configuration; see `Component` in `src/ops/metrics.ts`. */
interface ConfiguredNode {
  readonly label: string;
  readonly path: string;
}

/** The Kafka input. `to` names the next nodes. */
export interface SourceNode extends ConfiguredNode {
  readonly kind: 'source';
  readonly name: string;
  readonly topics: readonly string[];
  readonly group: string;
  readonly to: readonly string[];
}

/** An operator of `topology.ts`. */
export interface ProcessorNode {
  readonly kind: 'processor';
  readonly name: string;
  readonly to: readonly string[];
}

/** A database, an output topic or the dead-letter topic. */
export interface SinkNode extends ConfiguredNode {
  readonly kind: 'sink';
  readonly name: string;
  readonly output: 'database' | 'topic' | 'dead_letter';
  /** The database's product or the topic: `PostgreSQL`, `dicom_state_queue`. */
  readonly target: string;
  readonly to: readonly string[];
}

/** All nodes of the topology. */
export interface TopologyDescription {
  readonly source: SourceNode;
  readonly processors: readonly ProcessorNode[];
  readonly sinks: readonly SinkNode[];
  /** The last processor, which follows all sinks. */
  readonly end: ProcessorNode;
}

const PARSE = 'parse_records';
const BUFFER = 'buffer_time';
const GROUP = 'group_dicom_state';
const ACKNOWLEDGE = 'acknowledge_records';

/** Describes the nodes of `topology.ts` with their names from the configuration. */
export function topologyOf({ input, topics: { state, image, deadLetter }, databases }: Config): TopologyDescription {
  const sinks = [
    ...databases.map((database) => sinkOf(database, 'database', databaseDriver(database.driver).description.title)),
    sinkOf(state, 'topic', state.topic),
    sinkOf(image, 'topic', image.topic),
    sinkOf(deadLetter, 'dead_letter', deadLetter.topic),
  ];
  const { label, path, topics, consumerGroup } = input;
  return {
    source: { kind: 'source', name: nameOf(input), label, path, topics, group: consumerGroup, to: [PARSE] },
    processors: [
      { kind: 'processor', name: PARSE, to: [BUFFER] },
      { kind: 'processor', name: BUFFER, to: [GROUP] },
      { kind: 'processor', name: GROUP, to: sinks.map((node) => node.name) },
    ],
    sinks,
    end: { kind: 'processor', name: ACKNOWLEDGE, to: [] },
  };
}

function sinkOf(config: DatabaseConfig | TopicConfig, output: SinkNode['output'], target: string): SinkNode {
  const { label, path } = config;
  return { kind: 'sink', name: nameOf(config), label, path, output, target, to: [ACKNOWLEDGE] };
}

type TopologyNode = SourceNode | ProcessorNode | SinkNode;

/** All nodes in the order of processing. */
function nodesOf({ source, processors, sinks, end }: TopologyDescription): readonly TopologyNode[] {
  return [source, ...processors, ...sinks, end];
}

/** Kafka Streams' text form. Unlike in Kafka Streams, sinks have a successor, which acknowledges the records. */
export function describe(topology: TopologyDescription): string {
  const lines = ['Topologies:', '   Sub-topology: 0'];
  const nodes = nodesOf(topology);
  for (const node of nodes) {
    lines.push(`    ${titleOf(node)}`);
    lines.push(`      --> ${node.to.length === 0 ? 'none' : node.to.join(', ')}`);
    const from = nodes.filter((other) => other.to.includes(node.name)).map((other) => other.name);
    if (from.length > 0) lines.push(`      <-- ${from.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function titleOf(node: TopologyNode): string {
  switch (node.kind) {
    case 'source':
      return `Source: ${node.name} (topics: [${node.topics.join(', ')}])`;
    case 'processor':
      return `Processor: ${node.name} (stores: [])`;
    case 'sink':
      return `Sink: ${node.name} (${node.output === 'database' ? 'database' : 'topic'}: ${node.target})`;
  }
}

/** A Mermaid flowchart, left to right. */
export function toMermaid(topology: TopologyDescription): string {
  const nodes = nodesOf(topology);
  const id = (name: string) => `n${nodes.findIndex((node) => node.name === name)}`;
  const lines = ['flowchart LR'];
  for (const node of nodes) lines.push(`  ${id(node.name)}${shapeOf(node)}`);
  for (const node of nodes) for (const next of node.to) lines.push(`  ${id(node.name)} --> ${id(next)}`);
  return `${lines.join('\n')}\n`;
}

function shapeOf(node: TopologyNode): string {
  const text = (...parts: string[]) => `"${parts.join('<br/>').replaceAll('"', '#quot;')}"`;
  switch (node.kind) {
    case 'source':
      return `([${text(node.name, ...node.topics)}])`;
    case 'processor':
      return `[${text(node.name)}]`;
    case 'sink':
      return node.output === 'database' ? `[(${text(node.name, node.target)})]` : `([${text(node.name, node.target)}])`;
  }
}
