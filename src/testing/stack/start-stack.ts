import { advertisedAddress, embeddedBroker, givenBroker } from './brokers.ts';
import { containerBroker, containerDatabase, containers } from './containers.ts';
import { givenDatabase, localMysql, pgliteDatabase } from './databases.ts';
import { DEFAULT_IMAGES } from './images.ts';
import type { StackOptions } from './options.ts';
import { type Reaper, startReaper } from './reaper.ts';
import { type BrokerServer, type DatabaseServer, StackError } from './server.ts';
import { Stack } from './stack.ts';

/**
 * Starts a broker, a database and the service between them, with topics, tables and a folder for files. Resolves when the service is ready.
 * `await using` tears all of it down; if the test process is killed, a process of the stack does. Throws a StackError where a part can't be
 * had: a named part is never replaced by another one.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const reaper = startReaper();
  let broker: BrokerServer | undefined;
  let database: DatabaseServer | undefined;
  try {
    broker = await startBrokerServer(options, reaper);
    database = await startDatabaseServer(options, reaper);
    return await Stack.start({ broker, database, reaper, advertised: await advertisedOf(broker) }, options);
  } catch (error) {
    await Promise.allSettled([broker?.close(), database?.close()]);
    await reaper.close();
    throw error;
  }
}

async function advertisedOf(broker: BrokerServer) {
  const { host, port } = broker.address();
  return advertisedAddress(`${host}:${port}`);
}

async function startBrokerServer({ broker, images }: StackOptions, reaper: Reaper): Promise<BrokerServer> {
  if (typeof broker === 'object') return givenBroker(broker.brokers);
  if (broker === 'embedded') return embeddedBroker();
  const library = await containers();
  if (typeof library === 'string') {
    if (broker === undefined) return embeddedBroker();
    throw new StackError(`broker '${broker}' needs a container, and ${library}; use 'embedded' or { brokers }`);
  }
  const kind = broker ?? 'kafka';
  const started = containerBroker(library, kind, { image: images?.[kind] ?? DEFAULT_IMAGES[kind], reaper });
  // The image may not be available. A broker that is named is never replaced.
  return broker === undefined ? started.catch(() => embeddedBroker()) : started;
}

async function startDatabaseServer({ database, images }: StackOptions, reaper: Reaper): Promise<DatabaseServer> {
  if (typeof database === 'object') return givenDatabase(database.dsn);
  if (database === 'pglite') return pgliteDatabase(reaper);
  const installed = database === 'mysql' ? await installedMysql(reaper) : undefined;
  if (installed !== undefined) return installed;
  const library = await containers();
  if (typeof library === 'string') {
    if (database === undefined) return pgliteDatabase(reaper);
    if (database === 'mysql')
      throw new StackError(`database 'mysql' needs a server, and ${library}; install MySQL or MariaDB, or use { dsn }`);
    throw new StackError(`database '${database}' needs a container, and ${library}; use 'pglite' or { dsn }`);
  }
  const kind = database ?? 'postgres';
  const started = containerDatabase(library, kind, { image: images?.[kind] ?? DEFAULT_IMAGES[kind], reaper });
  return database === undefined ? started.catch(() => pgliteDatabase(reaper)) : started;
}

/** Undefined where none is installed. */
async function installedMysql(reaper: Reaper): Promise<DatabaseServer | undefined> {
  try {
    return await localMysql(reaper);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'no_mysql') return undefined;
    throw error;
  }
}
