/** Prints ports that are free now: one for Kafka with its next one free too, PostgreSQL, MariaDB, HTTP. */
import { createServer } from 'node:net';

const open = (port) =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
const portOf = (server) => server.address().port;

async function openPair() {
  for (;;) {
    const first = await open(0);
    try {
      return [first, await open(portOf(first) + 1)];
    } catch {
      first.close();
    }
  }
}

const [kafka] = await openPair();
const others = await Promise.all([open(0), open(0), open(0)]);
console.log(portOf(kafka), ...others.map(portOf));
process.exit();
