import { nameOf, type PartialConfig } from '../config/config.ts';
import type { Component } from './metrics.ts';

/**
 * The component of a node in metrics and `/ready`, by the node's name: the one in the configuration, or `root.topology.NAME` for a node of
 * a custom topology.
 */
export function componentOf(config: PartialConfig, name: string): Component {
  const { state, image, deadLetter } = config.topics;
  const all = [config.input, ...config.databases, state, image, deadLetter].filter((each) => each !== undefined);
  const known = all.find((each) => nameOf(each) === name);
  return known ?? { label: name, path: `root.topology.${name}` };
}
