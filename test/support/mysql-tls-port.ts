/** A port of MySQL's protocol with TLS that refuses every login (1045), to see whether a client trusts its certificate. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface MysqlTlsPort {
  readonly port: number;
  /** How often a client has sent a login after the TLS handshake. */
  readonly logins: number;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1. The certificate and its key are PEM. */
export async function startMysqlTlsPort(certificate: {
  readonly cert: string;
  readonly key: string;
}): Promise<MysqlTlsPort> {
  const open = new Set<Socket>();
  let logins = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.write(packet(0, GREETING));
    socket.on('readable', function upgrade() {
      // Only the request for TLS: the TLS handshake may have arrived with it, and is read by the TLS socket.
      if (socket.read(TLS_REQUEST_BYTES) === null) return;
      socket.off('readable', upgrade);
      const secure = new TLSSocket(socket, { isServer: true, ...certificate });
      secure.on('error', () => undefined);
      secure.once('data', () => {
        logins++;
        secure.write(packet(3, REFUSAL));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get logins() {
      return logins;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

// MySQL's protocol documentation: Protocol::HandshakeV10, with the capabilities of protocol 4.1, TLS and plugins.
const GREETING = Buffer.concat([
  Buffer.from('\x0a8.4.0\0\x01\0\0\0saltsalt\0', 'latin1'),
  Buffer.from([0x08, 0x8a, 0x21, 0x02, 0x00, 0x08, 0x00, 21, ...Array<number>(10).fill(0)]),
  Buffer.from('saltsaltsalt\0mysql_native_password\0', 'latin1'),
]);
const TLS_REQUEST_BYTES = 36;
const REFUSAL = Buffer.from('\xff\x15\x04#28000Access denied', 'latin1');

function packet(sequence: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([payload.length & 0xff, payload.length >> 8, 0, sequence]), payload]);
}
