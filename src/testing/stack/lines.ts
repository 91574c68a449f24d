/** The connections of a stack, through proxies that the service and the code under test use. */
import { startTcpProxy, type TcpProxy } from '../proxy.ts';
import { type AdvertisedAddress, replaceAdvertisedPort } from './advertised-port.ts';
import type { BrokerServer, DatabaseServer } from './server.ts';

export interface Lines {
  readonly broker: TcpProxy;
  readonly database: TcpProxy;
  /** The test's own connections, which no fault of a line affects. */
  readonly own: { readonly broker: TcpProxy; readonly database: TcpProxy };
  close(): Promise<void>;
}

/** Their ports stay the same for the life of the stack, wherever the servers start again. */
export async function openLines(
  broker: BrokerServer,
  database: DatabaseServer,
  advertised: AdvertisedAddress,
): Promise<Lines> {
  const toBroker = () =>
    startTcpProxy({
      target: () => broker.address(),
      rewrite: (port) => replaceAdvertisedPort(() => advertised, port),
    });
  const toDatabase = () => startTcpProxy({ target: () => database.address() });
  const [brokerLine, ownBroker, databaseLine, ownDatabase] = await Promise.all([
    toBroker(),
    toBroker(),
    toDatabase(),
    toDatabase(),
  ]);
  const all = [brokerLine, ownBroker, databaseLine, ownDatabase];
  return {
    broker: brokerLine,
    database: databaseLine,
    own: { broker: ownBroker, database: ownDatabase },
    close: async () => void (await Promise.allSettled(all.map((line) => line.close()))),
  };
}
