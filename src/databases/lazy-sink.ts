import type { Sink } from '../ports.ts';

/**
 * A database sink whose code is loaded at its first use, so that a database that isn't configured costs no start-up time or memory.
 */
export function lazySink(name: string, load: () => Promise<Sink>): Sink {
  let loaded: Promise<Sink> | undefined;
  const sink = (): Promise<Sink> => {
    loaded ??= load();
    return loaded;
  };
  return {
    name,
    storesByVersion: true,
    connect: async () => (await sink()).connect(),
    write: async (batch) => (await sink()).write(batch),
    close: async () => (await loaded)?.close(),
  };
}
