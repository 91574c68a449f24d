/**
 * Kafka's AlterClientQuotas request (API key 49, version 0), which the client library doesn't have. Kafka's own tool starts a JVM for each
 * change. Format: Kafka's AlterClientQuotasRequest.json.
 */
import { connect, type Socket } from 'node:net';

const ALTER_CLIENT_QUOTAS = 49;
const TIMEOUT_MS = 10_000;

/** Sets the producer quota of a client id, in bytes per second; undefined removes it. */
export async function setProducerQuota(
  brokers: string,
  clientId: string,
  bytesPerSecond: number | undefined,
): Promise<void> {
  const [host, port] = brokers.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the broker did not answer in time')));
  try {
    socket.write(requestOf(clientId, bytesPerSecond));
    const answer = await readAnswer(socket);
    // Behind the correlation id, the throttle time and the number of entries.
    const code = answer.readInt16BE(12);
    if (code !== 0) throw new Error(`the broker refused the quota: error code ${code}`);
  } finally {
    socket.destroy();
  }
}

function requestOf(clientId: string, bytesPerSecond: number | undefined): Buffer {
  const rate = Buffer.alloc(8);
  rate.writeDoubleBE(bytesPerSecond ?? 0);
  const body = Buffer.concat([
    int16(ALTER_CLIENT_QUOTAS),
    int16(0),
    // Correlation id, and this client's own id.
    int32(1),
    text('fault-suite'),
    // One entry, with one part of its entity and one change.
    int32(1),
    int32(1),
    text('client-id'),
    text(clientId),
    int32(1),
    text('producer_byte_rate'),
    rate,
    Buffer.from([bytesPerSecond === undefined ? 1 : 0]),
    // Not only validated.
    Buffer.from([0]),
  ]);
  return Buffer.concat([int32(body.length), body]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** The answer without its length. */
async function readAnswer(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) return received.subarray(4);
  }
  throw new Error('the broker closed the connection');
}
