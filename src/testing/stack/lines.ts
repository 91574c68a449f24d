/** The connections of a stack, through proxies that the service and the code under test use. */
import { startTcpProxy, type TcpProxy } from '../proxy.ts';
import { type AdvertisedAddress, replaceAdvertisedPort } from './advertised-port.ts';
import type { BrokerServer, DatabaseServer } from './server.ts';

export interface Lines {
  readonly broker: TcpProxy;
  readonly database: TcpProxy;
  /** The test's own connections to the database. No fault affects it. */
  readonly own: TcpProxy;
  close(): Promise<void>;
}

/** Their ports stay the same for the life of the stack, wherever the servers start again. */
export async function openLines(
  broker: BrokerServer,
  database: DatabaseServer,
  advertised: AdvertisedAddress,
): Promise<Lines> {
  const [brokerLine, databaseLine, own] = await Promise.all([
    startTcpProxy({
      target: () => broker.address(),
      rewrite: (port) => replaceAdvertisedPort(() => advertised, port),
    }),
    startTcpProxy({ target: () => database.address() }),
    startTcpProxy({ target: () => database.address() }),
  ]);
  return {
    broker: brokerLine,
    database: databaseLine,
    own,
    close: async () => void (await Promise.allSettled([brokerLine, databaseLine, own].map((line) => line.close()))),
  };
}
