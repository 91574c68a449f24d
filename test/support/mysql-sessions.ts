/** A server of MySQL's protocol on 127.0.0.1 whose answers a test decides. It stores nothing. */
import type { AddressInfo, Server as NetServer } from 'node:net';
import { type Connection, createServer } from 'mysql2';

/** A statement that waits for its answer. */
export interface Asked {
  readonly thread: number;
  readonly sql: string;
  ok(): void;
  fail(number: number): void;
}

export interface MysqlSessions {
  readonly port: number;
  /** All statements received but those of the login, in order. */
  readonly statements: readonly string[];
  close(): Promise<void>;
}

/** `onLogin` may hold a login until its promise resolves. */
export async function startMysqlSessions(
  answer: (asked: Asked) => void,
  onLogin: (thread: number) => Promise<void> = () => Promise.resolve(),
): Promise<MysqlSessions> {
  const statements: string[] = [];
  const open = new Set<Connection>();
  let threads = 0;
  const server = createServer((connection: Connection) => {
    const thread = ++threads;
    // mysql2's server doesn't count packets from each command: an answer begins with 1, the next command with 0.
    const startAt = (sequenceId: number) => Object.assign(connection, { sequenceId });
    const reply = (send: () => void) => {
      startAt(1);
      send();
      startAt(0);
    };
    open.add(connection);
    connection.on('error', () => undefined);
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: '8.4.0',
      connectionId: thread,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xffffff ^ 0x800, // everything but TLS
      authCallback: (_: unknown, done: (error: unknown) => void) => {
        void onLogin(thread).then(() => {
          done(null);
          startAt(0);
        });
      },
    });
    // mysql2's name for the event of a `set`.
    connection.on('stmt_prepare', () => reply(() => connection.writeOk({ affectedRows: 0 })));
    connection.on('query', (sql: string) => {
      if (sql.startsWith('select version()'))
        return reply(() =>
          connection.writeTextResult([{ version: '8.4.0', packet: '1000000' }], ['version', 'packet'].map(column)),
        );
      statements.push(sql);
      answer({
        thread,
        sql,
        ok: () => reply(() => connection.writeOk({ affectedRows: 1 })),
        fail: (code) => reply(() => connection.writeError({ code, message: 'refused' })),
      });
    });
  });
  const net = (server as unknown as { readonly _server: NetServer })._server;
  await new Promise<void>((resolve) => net.listen(0, '127.0.0.1', resolve));
  return {
    port: (net.address() as AddressInfo).port,
    statements,
    close: () =>
      new Promise((resolve) => {
        for (const connection of open) connection.destroy();
        net.close(() => resolve());
      }),
  };
}

function column(name: string) {
  const none = { catalog: 'def', schema: '', table: '', orgTable: '' };
  const text = { characterSet: 33, columnLength: 255, columnType: 253, flags: 0, decimals: 0 };
  return { ...none, ...text, name, orgName: name };
}
