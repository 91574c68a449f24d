/**
 * wado-consumer/connect-plugin: plugins for Redpanda Connect in Node. A plugin is a program that Redpanda Connect starts and calls over
 * gRPC; a manifest (`--rpc-plugins=*.yaml`) names its command and its fields. docs/connect-plugin.md explains both.
 *
 * @module wado-consumer/connect-plugin
 */
export {
  type BatchOutput,
  type BatchProcessor,
  type CallContext,
  notConnected,
  type OutputPlugin,
  type Plugin,
  PluginError,
  type ProcessorPlugin,
} from './component.ts';
export { HostError } from './host.ts';
export { ConnectMessage, type NewMessage } from './message.ts';
export { servePlugin } from './serve.ts';
export { type ConnectStruct, type ConnectValue, Timestamp, ValueError } from './value.ts';
