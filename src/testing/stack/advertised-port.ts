/**
 * Replaces the port that a broker advertises. A client connects to the address in the broker's answers, so a proxy before a broker is
 * bypassed unless these answers name the proxy. With it, clients also find a broker that has restarted at another port.
 */
import type { Rewriter } from '../proxy.ts';

/** The requests whose answers hold addresses of brokers (Kafka protocol, "API keys"): Metadata and FindCoordinator. */
const WITH_ADDRESSES: ReadonlySet<number> = new Set([3, 10]);
/** Frames start with their length, 4 bytes. A request goes on with API key, version and correlation id, an answer with that id. */
const LENGTH = 4;

export interface AdvertisedAddress {
  readonly host: string;
  readonly port: number;
}

/** Rewrites the answers of one connection. `advertised` is the broker's address now, `port` what clients are to use instead. */
export function replaceAdvertisedPort(advertised: () => AdvertisedAddress, port: number): Rewriter {
  const asked = new Set<number>();
  const requests = frames();
  const answers = frames();
  return {
    request(data) {
      for (const frame of requests(data))
        if (frame.length >= LENGTH + 8 && WITH_ADDRESSES.has(frame.readInt16BE(LENGTH)))
          asked.add(frame.readInt32BE(LENGTH + 4));
    },
    answer(data) {
      const whole = answers(data);
      for (const frame of whole)
        if (frame.length >= LENGTH + 4 && asked.delete(frame.readInt32BE(LENGTH)))
          replacePort(frame, advertised(), port);
      return Buffer.concat(whole);
    },
  };
}

/** An address is the host's text, with its length before it, followed by the port as four bytes. Only the port changes, in place. */
function replacePort(frame: Buffer, { host, port: from }: AdvertisedAddress, to: number): void {
  const address = Buffer.alloc(host.length + 4);
  address.write(host, 'latin1');
  address.writeInt32BE(from, host.length);
  for (let at = frame.indexOf(address); at !== -1; at = frame.indexOf(address, at + address.length))
    frame.writeInt32BE(to, at + host.length);
}

/** Collects the chunks of one direction; returns the frames that are complete. */
function frames(): (data: Buffer) => readonly Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (data) => {
    rest = rest.length === 0 ? Buffer.from(data) : Buffer.concat([rest, data]);
    const complete: Buffer[] = [];
    for (;;) {
      if (rest.length < LENGTH) return complete;
      const end = LENGTH + rest.readUInt32BE(0);
      if (rest.length < end) return complete;
      complete.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}
