import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/ops/logger.ts';
import type { HeaderReader, Sink } from '../../src/ports.ts';
import { startService } from '../../src/runtime/service.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { topology } from '../../topology/topology.ts';

/** No server is there, so nothing is consumed. */
const shipped = loadConfig('redpanda.yaml', {
  env: {
    KAFKA_BROKERS: '127.0.0.1:1',
    POSTGRES_DSN: 'postgres://u@127.0.0.1:1/d',
    STORAGE_ROOT: '/data',
    HTTP_ADDRESS: '127.0.0.1:0',
  },
});
const config = { ...shipped, shutdownDelayMs: 0 };
const options = {
  logger: createLogger({ level: 'silent' }),
  restarts: { maxFailures: 2, windowMs: 60_000, initialDelayMs: 1, maxDelayMs: 1 },
};

// Concurrent, because stopping a service whose broker is unreachable takes three seconds.
describe.concurrent('a service whose topology function throws', () => {
  it('is restarted as after any failure, closes the clients each time, and ends with the error', async () => {
    const readers: HeaderReader[] = [];
    const service = await startService(config, {
      ...options,
      topology: ({ reader }) => {
        readers.push(reader);
        throw new Error('the audit is not reachable');
      },
    });
    await expect(service.done).rejects.toThrow('the audit is not reachable');
    expect(readers).toHaveLength(3);
    for (const reader of readers) await expect(reader.read([])).rejects.toThrow('the header reader is closed');
  });

  it('continues when the function succeeds', async () => {
    let calls = 0;
    let running = false;
    await using service = await startService(config, {
      ...options,
      topology: (nodes, settings) => {
        if (++calls === 1) throw new Error('not yet');
        running = true;
        return topology(nodes, settings);
      },
    });
    await expect.poll(() => running).toBe(true);
    expect(await service.stop()).toBe('drained');
  });
});

describe.concurrent('a service with a sink whose close throws', () => {
  it('closes all other sinks and clients, and ends as usual', async () => {
    const closed: string[] = [];
    let reader: HeaderReader | undefined;
    const own = (name: string, close: () => Promise<void>): Sink => ({ ...createMemoryDatabase(name), name, close });
    await using service = await startService(config, {
      ...options,
      topology: (nodes, settings) => {
        reader = nodes.reader;
        const bad = own('bad', () => {
          throw new Error('a bug');
        });
        const good = own('good', async () => void closed.push('good'));
        return topology({ ...nodes, sinks: [bad, good] }, settings);
      },
    });
    expect(await service.stop()).toBe('drained');
    expect(closed).toEqual(['good']);
    await expect(reader?.read([])).rejects.toThrow('the header reader is closed');
  });
});
