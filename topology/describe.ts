/** The graph as text: Kafka Streams' `Topology#describe()` form, and Mermaid. */
import { type Config, nameOf } from '../src/config/config.ts';

type GraphNode =
  | {
      readonly kind: 'source';
      readonly name: string;
      readonly topics: readonly string[];
      readonly to: readonly string[];
    }
  | { readonly kind: 'processor'; readonly name: string; readonly to: readonly string[] }
  | { readonly kind: 'sink'; readonly name: string; readonly topic?: string; readonly to: readonly string[] };

/** The nodes in the order in which records pass them; `to` names what follows. */
export type Graph = readonly GraphNode[];

/** The graph of `topology.ts` with the names that a configuration gives its nodes. */
export function graphOf(config: Config): Graph {
  const { state, image, deadLetter } = config.topics;
  const databases = config.databases.map(
    (database): GraphNode => ({ kind: 'sink', name: nameOf(database), to: [COMMIT] }),
  );
  const topics = [state, image].map(
    (topic): GraphNode => ({ kind: 'sink', name: nameOf(topic), topic: topic.topic, to: [COMMIT] }),
  );
  const deadLetters: GraphNode = { kind: 'sink', name: nameOf(deadLetter), topic: deadLetter.topic, to: [COMMIT] };
  const outputs = [...databases, ...topics, deadLetters];
  return [
    { kind: 'source', name: nameOf(config.input), topics: config.input.topics, to: [PARSE] },
    { kind: 'processor', name: PARSE, to: [BUFFER] },
    { kind: 'processor', name: BUFFER, to: [GROUP] },
    { kind: 'processor', name: GROUP, to: outputs.map((node) => node.name) },
    ...outputs,
    { kind: 'processor', name: COMMIT, to: [] },
  ];
}

const PARSE = 'parse_records';
const BUFFER = 'buffer_time';
const GROUP = 'group_dicom_state';
const COMMIT = 'commit_offsets';

/** Kafka Streams' text form. A sink here has a successor, which Kafka Streams' have not: offsets are committed behind all of them. */
export function describe(graph: Graph): string {
  const lines = ['Topologies:', '   Sub-topology: 0'];
  for (const node of graph) {
    lines.push(`    ${titleOf(node)}`);
    lines.push(`      --> ${node.to.length === 0 ? 'none' : node.to.join(', ')}`);
    const from = graph.filter((other) => other.to.includes(node.name)).map((other) => other.name);
    if (from.length > 0) lines.push(`      <-- ${from.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function titleOf(node: GraphNode): string {
  switch (node.kind) {
    case 'source':
      return `Source: ${node.name} (topics: [${node.topics.join(', ')}])`;
    case 'processor':
      return `Processor: ${node.name} (stores: [])`;
    case 'sink':
      return node.topic === undefined ? `Sink: ${node.name} (database)` : `Sink: ${node.name} (topic: ${node.topic})`;
  }
}

export function toMermaid(graph: Graph): string {
  const id = (name: string) => `n${graph.findIndex((node) => node.name === name)}`;
  const lines = ['flowchart LR'];
  for (const node of graph) lines.push(`  ${id(node.name)}${shapeOf(node)}`);
  for (const node of graph) for (const next of node.to) lines.push(`  ${id(node.name)} --> ${id(next)}`);
  return `${lines.join('\n')}\n`;
}

function shapeOf(node: GraphNode): string {
  const text = (...parts: string[]) => `"${parts.join('<br/>').replaceAll('"', '#quot;')}"`;
  switch (node.kind) {
    case 'source':
      return `([${text(node.name, ...node.topics)}])`;
    case 'processor':
      return `[${text(node.name)}]`;
    case 'sink':
      return node.topic === undefined ? `[(${text(node.name)})]` : `([${text(node.name, node.topic)}])`;
  }
}
