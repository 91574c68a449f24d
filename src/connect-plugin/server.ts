/** The gRPC server of a plugin. It passes requests and responses on as bytes. */
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type CallHandler, METHODS, type Method, SERVICES, Unavailable } from './calls.ts';
import type { Plugin } from './component.ts';
import { removeStaleSocket } from './socket-file.ts';

/** A listening server. */
export interface PluginServer {
  /** Sends the answers that are ready, and ends the connections; calls without an answer fail. */
  close(): Promise<void>;
}

/**
 * Listens on an address in gRPC's form (`unix:/path`). Rejects with a HostError if another process listens on it, and with the system's error
 * if listening fails.
 */
export async function startServer(type: Plugin['type'], address: string, handler: CallHandler): Promise<PluginServer> {
  const server = new Server({
    // The default of 4 MiB would refuse batches of large records for ever.
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // Statistics of each call, for a debugging service that this server doesn't offer.
    'grpc.enable_channelz': 0,
  });
  server.addService(definitionOf(type), implementationOf(type, handler));
  await removeStaleSocket(address);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  return {
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), CLOSE_GRACE_MS);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

const CLOSE_GRACE_MS = 500;

function definitionOf(type: Plugin['type']): ServiceDefinition {
  const asIs = (bytes: Buffer) => bytes;
  const methods = METHODS[type].map((name) => [
    name,
    {
      path: `/${SERVICES[type]}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]);
  return Object.fromEntries(methods);
}

function implementationOf(type: Plugin['type'], handler: CallHandler): UntypedServiceImplementation {
  return Object.fromEntries(METHODS[type].map((method) => [method, unary(handler, method)]));
}

function unary(handler: CallHandler, method: Method): handleUnaryCall<Buffer, Buffer> {
  return (call, respond) => {
    const cancelled = new AbortController();
    let answered = false;
    // Also emitted after each answer. Aborting then would tell nobody, and would cost an exception with its stack.
    call.on('cancelled', () => {
      if (!answered) cancelled.abort();
    });
    handler.call(method, call.request, { signal: cancelled.signal }).then(
      (response) => {
        answered = true;
        respond(null, Buffer.from(response.buffer, response.byteOffset, response.length));
      },
      (error: unknown) => {
        answered = true;
        const details = error instanceof Unavailable ? error.message : 'unexpected error';
        respond({ code: error instanceof Unavailable ? status.UNAVAILABLE : status.INTERNAL, details });
      },
    );
  };
}
