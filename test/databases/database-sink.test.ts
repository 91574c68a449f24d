import { describe, expect, it } from 'vitest';
import { createDatabaseSink, currentDsn } from '../../src/databases/database-sink.ts';
import type { DatabaseWriter } from '../../src/databases/database-writer.ts';
import { StatementError } from '../../src/databases/statement-error.ts';
import { SinkError } from '../../src/errors.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../../src/sinks/memory.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { itKeepsTheSinkContract } from '../../src/testing/vitest/sink-contract.ts';

/** A driver of another project: a writer over a database in memory whose columns hold 64 characters. */
function toyWriter(name: string, database: MemoryDatabase): DatabaseWriter {
  return {
    async store(records) {
      for (const { image } of records) {
        const { sop_class_uid = '' } = image === null ? {} : JSON.parse(String(image.json));
        if ([...sop_class_uid].length > 64) throw new StatementError(name, 'rejected', 'TOO_LONG', { about: 'value' });
      }
      await database.write({ origins: [], grouped: records, poison: [], closedAt: 0 });
      return [];
    },
    close: async () => undefined,
  };
}

interface ToyOptions {
  readonly database?: MemoryDatabase;
  readonly migrate?: boolean;
  readonly checkSchema?: () => Promise<void>;
}

function toySink({ database = createMemoryDatabase(), migrate = false, checkSchema }: ToyOptions = {}) {
  const calls: string[] = [];
  const sink = createDatabaseSink(
    { name: 'toy', connections: 3, migrate },
    {
      migrate: async () => calls.push('migrate'),
      checkSchema: async () => {
        calls.push('check');
        await checkSchema?.();
      },
      createWriter: () => toyWriter('toy', database),
    },
  );
  return { sink, database, calls };
}

describe('a sink of any database, made of the shared parts', () => {
  itKeepsTheSinkContract(async () => {
    const { sink, database } = toySink();
    await sink.connect();
    const tables = { object: database.objects, state: database.states, image: database.images };
    return {
      sink,
      rows: async (table) => [...tables[table].values()].map((row) => JSON.parse(String(row.json))),
      another: async () => toySink({ database }).sink,
      dispose: () => sink.close(),
    };
  }, ['storing', 'order', 'limits', 'refusals']);
});

describe('connect()', () => {
  it('migrates if configured, then checks the tables', async () => {
    const asked = toySink({ migrate: true });
    await asked.sink.connect();
    expect(asked.calls).toEqual(['migrate', 'check']);
    const notAsked = toySink();
    await notAsked.sink.connect();
    expect(notAsked.calls).toEqual(['check']);
  });

  it('rejects with the reason why the tables do not fit', async () => {
    const missing = new SinkError('toy', 'misconfigured', 'dicom_object_meta:missing, run wado-consumer migrate');
    const { sink } = toySink({ checkSchema: () => Promise.reject(missing) });
    await expect(sink.connect()).rejects.toBe(missing);
  });
});

describe('close()', () => {
  it('refuses later batches', async () => {
    const { sink } = toySink();
    await sink.close();
    await expect(sink.write(batchOf([{}]))).rejects.toMatchObject({ code: 'unavailable', detail: 'closed' });
  });
});

describe('currentDsn', () => {
  it('is retried while the secret can not be read, and says nothing of its path', () => {
    const dsn = () => {
      throw new Error('/secret/path');
    };
    expect(() => currentDsn({ name: 'toy', dsn })).toThrow(
      expect.objectContaining({ message: 'toy: unavailable (dsn_unreadable)' }),
    );
  });
});
