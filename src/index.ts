/** wado-consumer as a library: the graph, the service, and the ports to build another one from. */
export { buildNodes } from '../topology/build-nodes.ts';
export { type Nodes, type Settings, topology } from '../topology/topology.ts';
export type { Config } from './config/config.ts';
export { lintConfig, loadConfig } from './config/load.ts';
export * from './errors.ts';
export type * from './ports.ts';
export type * from './records/records.ts';
export { type Service, type ServiceOptions, startService } from './runtime/service.ts';
export type { StopResult } from './runtime/supervise.ts';
