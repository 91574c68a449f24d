import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createPostgresSink } from '../../../src/databases/postgres/sink.ts';

const message = (type: string, ...parts: readonly (Buffer | string)[]) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.from([...Buffer.from(type), 0, 0, 0, 0]);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const READY = message('Z', 'I');
const DONE = message('C', 'SELECT 0\0');

/** PostgreSQL's protocol documentation, "Message Formats": one text column of one row. */
function row(name: string, value: string): Buffer {
  const column = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
  const description = message('T', Buffer.from([0, 1]), `${name}\0`, column);
  return Buffer.concat([description, message('D', Buffer.from([0, 1, 0, 0, 0, value.length]), value), DONE]);
}

/** Answers one session of a database with this encoding and without tables. */
function answer(socket: Socket, encoding: string): void {
  let received = Buffer.alloc(0);
  let started = false;
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    for (;;) {
      const at = started ? 1 : 0;
      if (received.length < at + 4 || received.length < at + received.readUInt32BE(at)) return;
      const end = at + received.readUInt32BE(at);
      const [type, body] = [
        started ? received.toString('latin1', 0, 1) : 'startup',
        received.toString('latin1', 5, end),
      ];
      received = received.subarray(end);
      started = true;
      if (type === 'startup') socket.write(Buffer.concat([message('R', Buffer.alloc(4)), READY]));
      // A statement with parameters ends with a Sync, and finds nothing.
      else if (type === 'S') socket.write(Buffer.concat([message('1'), message('2'), message('n'), DONE, READY]));
      else if (type === 'Q') {
        const result = body.includes('server_encoding') ? row('encoding', encoding) : DONE;
        socket.write(Buffer.concat([result, READY]));
      } else if (type === 'X') socket.end();
    }
  });
}

async function connectError(encoding: string): Promise<unknown> {
  const server = createServer((socket) => answer(socket, encoding));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sink = createPostgresSink({
    name: 'postgres',
    dsn: () => `postgres://u:p@127.0.0.1:${port}/dicom?sslmode=disable`,
    migrate: false,
  });
  try {
    return await sink.connect().then(
      () => undefined,
      (error: unknown) => error,
    );
  } finally {
    await sink.close();
    server.close();
  }
}

describe('connecting to a database', () => {
  it.each(['SQL_ASCII', 'LATIN1'])('rejects as misconfigured if its encoding is %s', async (encoding) => {
    expect(await connectError(encoding)).toMatchObject({
      name: 'SinkError',
      code: 'misconfigured',
      detail: `encoding:${encoding}, the database must be UTF8`,
    });
  });

  it('looks at the tables if its encoding is UTF8', async () => {
    expect(await connectError('UTF8')).toMatchObject({
      code: 'misconfigured',
      detail: 'dicom_object_meta:missing, run wado-consumer migrate',
    });
  });
});
