import { connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
/** A minute in CI, shorter elsewhere. */
const OUTAGE_MS = Number(process.env.WADO_TEST_OUTAGE_MS ?? 10_000);

/** A proxy for the database that can cut all connections and then refuses new ones. */
async function cuttableLine(port: number) {
  const sockets = new Set<Socket>();
  let cut = false;
  const server = createServer((client) => {
    if (cut) return client.resetAndDestroy();
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    return client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut() {
      cut = true;
      for (const socket of sockets) socket.destroy();
    },
    restore() {
      cut = false;
    },
    close: () => server.close(),
  };
}

await describeWith(
  ['kafka', 'postgres'],
  `a database that is unavailable for ${OUTAGE_MS} ms`,
  ({ kafka, postgres }) => {
    it('costs nothing: no dead letter, no loss, and the service is still the same process', {
      timeout: 300 * SECONDS,
    }, async () => {
      await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn });
      const direct = new URL(pipeline.dsn);
      const line = await cuttableLine(Number(direct.port));
      const load = await pipeline.publish({ count: 20_000 });
      const throughLine = new URL(pipeline.dsn);
      throughLine.hostname = '127.0.0.1';
      throughLine.port = String(line.port);
      const service = pipeline.start({ POSTGRES_DSN: throughLine.href });
      await pipeline.untilAtWork(60 * SECONDS);
      line.cut();
      // The batches that were stored before the cut are still committed.
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      const stalled = await pipeline.lag();
      await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
      expect(await pipeline.lag()).toBe(stalled);
      expect(stalled).toBeGreaterThan(0);
      line.restore();
      await pipeline.untilCommitted(120 * SECONDS);
      expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
      line.close();
      const messages = pipeline
        .logText()
        .trim()
        .split('\n')
        .map((line): string => JSON.parse(line).msg)
        .filter((message) => message.includes('postgres '));
      expect(messages[0]).toMatch(/^(?:connecting|writing) to postgres failed \(\w+( [\w.]+:\d+)?\), retry in \d+ ms$/);
      expect(messages.at(-1)).toMatch(/^postgres connected again after [\d.]+ s, \d+ attempts?$/);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    });
  },
);
