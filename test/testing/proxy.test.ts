import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../../src/testing/proxy.ts';

describe('a proxy whose server has closed a connection while bytes are dropped', () => {
  let server: Server;
  let proxy: TcpProxy;
  let client: Socket;
  /** How the connection of the client ended. */
  let ended: Promise<unknown>;

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    proxy = await startTcpProxy({ target: { host: '127.0.0.1', port } });
    const accepted = once(server, 'connection');
    client = connect(proxy.port, '127.0.0.1');
    ended = new Promise((resolve) => client.once('error', resolve));
    const [upstream]: Socket[] = await accepted;
    // An answer shows that both halves are connected.
    const answered = once(client, 'data');
    upstream?.write('hello');
    await answered;
    proxy.blackHole(true);
    upstream?.destroy();
    // A further connection: when the proxy has made it, it has seen the end of the first one.
    const second = once(server, 'connection');
    const other = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    await second;
    other.resetAndDestroy();
  });
  afterEach(async () => {
    client.destroy();
    server.close();
    await proxy.close();
  });

  it('does not tell the client', () => {
    expect(client.destroyed).toBe(false);
  });

  it('resets the client when it forwards bytes again', async () => {
    proxy.blackHole(false);
    expect(await ended).toMatchObject({ code: 'ECONNRESET' });
  });

  it('resets the client when it refuses connections', async () => {
    await proxy.refuse(true);
    expect(await ended).toMatchObject({ code: 'ECONNRESET' });
  });

  it('closes', async () => {
    await proxy.close();
    expect(await ended).toMatchObject({ code: 'ECONNRESET' });
  });
});
