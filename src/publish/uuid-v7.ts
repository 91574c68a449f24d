import { randomFillSync } from 'node:crypto';

let lastMilliseconds = 0;
let counter = 0;
const random = Buffer.alloc(16);

/**
 * A UUID version 7 (RFC 9562, 5.7): the first 48 bits are the time in milliseconds. UUIDs of one process sort in the
 * order of their creation: the 12 bits after the time are a counter (6.2, method 1), and a clock that is set back is
 * ignored.
 */
export function uuidV7(now = Date.now()): string {
  randomFillSync(random);
  if (now > lastMilliseconds) {
    lastMilliseconds = now;
    // Starting in the lower half leaves room to count up.
    counter = random.readUInt16BE(0) & 0x7ff;
  } else if (++counter > 0xfff) {
    lastMilliseconds += 1;
    counter = 0;
  }
  random.writeUIntBE(lastMilliseconds, 0, 6);
  random.writeUInt16BE(0x7000 | counter, 6);
  random.writeUInt8(0x80 | ((random[8] ?? 0) & 0x3f), 8);
  const hex = random.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
