// What @grpc/grpc-js costs alone, for bench/plugin.ts: a processor that answers each batch with bytes of the usual size, which it neither
// decodes nor encodes.
import { Server, ServerCredentials } from '@grpc/grpc-js';

const ANSWER_PER_REQUEST_BYTE = 2.3;
const SERVICE = 'redpanda.runtime.v1alpha1.BatchProcessorService';
const asIs = (bytes) => bytes;
const method = (name) => ({
  path: `/${SERVICE}/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

/** `batches`, one of them, with an unknown field that fills it. */
function answer(bytes) {
  const response = Buffer.alloc(bytes);
  response[0] = 10;
  return response;
}

const answers = new Map();
const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
server.addService(
  { Init: method('Init'), ProcessBatch: method('ProcessBatch') },
  {
    Init: (_, respond) => respond(null, Buffer.alloc(0)),
    ProcessBatch({ request }, respond) {
      const bytes = Math.round(request.length * ANSWER_PER_REQUEST_BYTE);
      if (!answers.has(bytes)) answers.set(bytes, answer(bytes));
      respond(null, answers.get(bytes));
    },
  },
);
server.bindAsync(process.env.REDPANDA_CONNECT_PLUGIN_ADDRESS, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
