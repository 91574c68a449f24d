import { describe, expect, it } from 'vitest';
import { type MysqlConnection, openMysql } from '../../../src/databases/mysql/connection.ts';
import { type Asked, type MysqlSessions, startMysqlSessions } from '../../support/mysql-sessions.ts';

const WRITE = { sql: 'insert into t values (1)', tableOf: () => undefined };

/** Answers a write when the KILL of its session is asked for, as `onKill` decides. */
async function during(
  onKill: (write: Asked, kill: Asked) => void,
  work: (connection: MysqlConnection, server: MysqlSessions) => Promise<void>,
  onLogin?: (thread: number, write: () => Asked | undefined) => Promise<void>,
) {
  let write: Asked | undefined;
  const server = await startMysqlSessions(
    (asked) => {
      if (asked.sql.startsWith('insert')) write = asked;
      else if (asked.sql.startsWith('kill') && write !== undefined) onKill(write, asked);
      else asked.ok();
    },
    async (thread) => onLogin?.(thread, () => write),
  );
  try {
    const connection = await openMysql({
      name: 'mysql',
      dsn: `mysql://u:p@127.0.0.1:${server.port}/dicom`,
      connectTimeoutMs: 10_000,
      statementTimeoutMs: 4_000,
    });
    await work(connection, server);
    connection.destroy();
  } finally {
    await server.close();
  }
}

describe('the request to end a write at its timeout', { timeout: 30_000, concurrent: true }, () => {
  it('cannot end the next statement if the write finishes first: the connection is not used again', async () => {
    await during(
      (write) => write.ok(),
      async (connection, server) => {
        await connection.write(WRITE);
        expect(server.statements).toEqual([WRITE.sql, 'kill query 1']);
        expect(connection.usable).toBe(false);
      },
    );
  });

  it('cannot end the rollback if the write is refused first: the connection is not used again', async () => {
    await during(
      (write) => write.fail(1406),
      async (connection, server) => {
        await expect(connection.write(WRITE)).rejects.toMatchObject({ code: 'rejected', detail: '1406' });
        expect(server.statements).toEqual([WRITE.sql, 'kill query 1']);
        expect(connection.usable).toBe(false);
      },
    );
  });

  it('is not sent if the write finishes before its connection is open, and the write connection is used again', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await during(
      (_, kill) => kill.ok(),
      async (connection, server) => {
        await connection.write(WRITE);
        expect(connection.usable).toBe(true);
        release();
        await connection.query('select 1');
        expect(server.statements).toEqual([WRITE.sql, 'select 1']);
      },
      async (thread, write) => {
        if (thread === 1) return;
        write()?.ok();
        await held;
      },
    );
  });

  it('ends the write, which is rolled back on the same connection once the request is answered', async () => {
    await during(
      (write, kill) => {
        write.fail(1317);
        setImmediate(() => kill.ok());
      },
      async (connection, server) => {
        await expect(connection.write(WRITE)).rejects.toMatchObject({ code: 'timeout', detail: '1317' });
        expect(server.statements).toEqual([WRITE.sql, 'kill query 1', 'rollback']);
        expect(connection.usable).toBe(true);
      },
    );
  });

  it('that is not answered closes the connection, which rolls back', async () => {
    await during(
      (write) => write.fail(1317),
      async (connection, server) => {
        await expect(connection.write(WRITE)).rejects.toMatchObject({ code: 'timeout', detail: '1317' });
        expect(server.statements).toEqual([WRITE.sql, 'kill query 1']);
        expect(connection.usable).toBe(false);
      },
    );
  });
});
