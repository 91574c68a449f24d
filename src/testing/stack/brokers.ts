import { startBroker } from '../../embedded/broker.ts';
import { connect, disconnect, newProducer } from '../../kafka/client/client.ts';
import { type Address, type BrokerServer, StackError } from './server.ts';

const TIMEOUT_MS = 10_000;
/** The hosts at which clients reach the proxies, which listen on 127.0.0.1. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+)$/;

/** librdkafka's mock cluster in this process. It keeps its records and offsets while the stack runs. */
export async function embeddedBroker(): Promise<BrokerServer> {
  const broker = await startBroker([]);
  const address = addressOf(broker.address);
  return {
    how: 'embedded',
    address: () => address,
    process: undefined,
    topics: {
      createTopics: (names) => broker.createTopics(names),
      // The mock cluster has no DeleteTopics. Its topics end with it.
      deleteTopics: async () => undefined,
    },
    close: () => broker.close(),
  };
}

/** A broker that runs already. It is left running. */
export async function givenBroker(brokers: string): Promise<BrokerServer> {
  const address = await advertisedAddress(brokers);
  return { how: 'given', address: () => address, process: undefined, close: async () => undefined };
}

/**
 * The address that the only broker of a cluster advertises. Throws a StackError if the cluster has several, does not answer, or advertises
 * a host at which the proxies of a stack don't listen.
 */
export async function advertisedAddress(brokers: string): Promise<Address> {
  const client = newProducer({ 'bootstrap.servers': brokers });
  client.on('event.error', () => undefined);
  try {
    const found = (await connect(client, TIMEOUT_MS)).brokers;
    const [only] = found;
    if (only === undefined || found.length > 1)
      throw new StackError(`a stack needs a cluster of one broker, and ${brokers} has ${found.length}`);
    if (!LOOPBACK.test(only.host))
      throw new StackError(`the broker at ${brokers} advertises ${only.host}; a stack needs 127.0.0.1 or localhost`);
    return { host: only.host, port: only.port };
  } catch (error) {
    if (error instanceof StackError) throw error;
    throw new StackError(`no broker answers at ${brokers} within ${TIMEOUT_MS} ms`, { cause: error });
  } finally {
    await disconnect(client, TIMEOUT_MS);
  }
}

function addressOf(text: string): Address {
  const [host = '', port = ''] = text.split(':');
  return { host, port: Number(port) };
}
