/** A topology as text: the form of Kafka Streams' `Topology#describe()`, and Mermaid. */
import type { Topology } from './compose.ts';
import type { TopologyNode } from './nodes.ts';

/** Kafka Streams' text form. Unlike in Kafka Streams, sinks have a successor, which acknowledges or commits the records. */
export function describe({ nodes }: Pick<Topology, 'nodes'>): string {
  const lines = ['Topologies:', '   Sub-topology: 0'];
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
      return `Sink: ${node.name} (${node.target.kind === 'database' ? 'database' : 'topic'}: ${node.target.name})`;
  }
}

/** A Mermaid flowchart, left to right. */
export function toMermaid({ nodes }: Pick<Topology, 'nodes'>): string {
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
      return node.target.kind === 'database'
        ? `[(${text(node.name, node.target.name)})]`
        : `([${text(node.name, node.target.name)}])`;
  }
}
