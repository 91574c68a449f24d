/** wado-consumer as a library: the service, the topology, and the ports for other sources, readers and sinks. */
export { buildNodes } from '../topology/build-nodes.ts';
export { type Nodes, type Settings, topology } from '../topology/topology.ts';
export type { Config } from './config/config.ts';
export { lintConfig, loadConfig } from './config/load.ts';
export * from './errors.ts';
export type * from './ports.ts';
export type * from './records/records.ts';
export { Origin } from './records/records.ts';
export { type Service, type ServiceOptions, startService } from './runtime/service.ts';
export type { StopResult } from './runtime/supervise.ts';
