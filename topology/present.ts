/** The parts that a `PartialConfig` may lack. */
const PARTS = {
  reader: 'processor group_dicom_state',
  databases: 'dicom_store',
  topics: 'state and image topic',
} as const;

/** Throws a TypeError when a topology takes a node whose part the configuration lacks. */
export function present<T>(part: keyof typeof PARTS, value: T | undefined, node: string = part): T {
  if (value !== undefined) return value;
  throw new TypeError(`the topology takes the node ${node}, but the configuration has no ${PARTS[part]}`);
}
