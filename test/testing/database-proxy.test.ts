import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressOf, startDatabaseProxy } from '../../src/testing/database-proxy.ts';

describe('a proxy before the server of a DSN', () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer((client) => client.end('the server'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  it('has a DSN that differs in the address only, and leads to the server', async () => {
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const proxy = await startDatabaseProxy(`postgres://u:p%40ss@127.0.0.1:${port}/dicom?sslmode=disable`);
    expect(proxy.dsn).toBe(`postgres://u:p%40ss@127.0.0.1:${proxy.port}/dicom?sslmode=disable`);
    expect(proxy.port).not.toBe(port);
    const client = connect(Number(new URL(proxy.dsn).port), '127.0.0.1');
    const [data] = await once(client, 'data');
    expect(String(data)).toBe('the server');
    client.destroy();
    await proxy.close();
  });

  it('goes to the default port of the server where the DSN names none', () => {
    expect(addressOf('postgres://u@db/x')).toEqual({ host: 'db', port: 5432 });
    expect(addressOf('postgresql://u@db/x')).toEqual({ host: 'db', port: 5432 });
    expect(addressOf('mysql://u@db/x')).toEqual({ host: 'db', port: 3306 });
    expect(addressOf('mysql://u@db:3307/x')).toEqual({ host: 'db', port: 3307 });
  });
});
