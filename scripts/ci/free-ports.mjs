/**
 * Prints free ports: one for Kafka whose next one is also free, then PostgreSQL, MariaDB, HTTP and MySQL. Some are used
 * minutes later, so they are outside the range of outgoing connections.
 */
import { createServer } from 'node:net';

const FIRST = 20_000;
const END = 32_000;

const isFree = (port) =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(port, () => server.close(() => resolve(true)));
  });

const ports = [];
async function draw(count) {
  for (;;) {
    const first = FIRST + Math.floor(Math.random() * (END - FIRST));
    const drawn = Array.from({ length: count }, (_, n) => first + n);
    const free = await Promise.all(drawn.map((port) => !ports.includes(port) && isFree(port)));
    if (free.every(Boolean)) return ports.push(...drawn);
  }
}

await draw(2);
for (let others = 0; others < 4; others++) await draw(1);
const [kafka, , ...others] = ports;
console.log(kafka, ...others);
