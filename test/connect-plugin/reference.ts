/** protobufjs' own reading of the .proto files, with which the codec is compared. */
import { join } from 'node:path';
import protobuf from 'protobufjs';

const folder = join(import.meta.dirname, '../../proto');
const root = new protobuf.Root();
const resolvePath = root.resolvePath.bind(root);
root.resolvePath = (origin, target) =>
  target.startsWith('redpanda/') ? join(folder, target) : resolvePath(origin, target);
root.loadSync(
  ['message', 'processor', 'output'].map((name) => `redpanda/runtime/v1alpha1/${name}.proto`),
  { keepCase: true },
);

/** A message type of the protocol by its name. */
export function protocolType(name: string): protobuf.Type {
  return root.lookupType(`redpanda.runtime.v1alpha1.${name}`);
}

/** The methods of a service with the names of their request and response types. */
export function protocolMethods(service: string): readonly string[] {
  return Object.keys(root.lookupService(service).methods);
}
