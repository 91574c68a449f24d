const TICK_MS = 500;
/** Smaller steps lengthen a wait by as much, which nobody notices. */
const STEP_MS = 1_000;

type Client = {
  on(event: 'ready' | 'disconnected', listener: () => void): unknown;
};

/**
 * librdkafka's threads wait until a time of day. When somebody sets the clock back, by an hour say, they would wait an hour longer for
 * their next heartbeat or commit; any request to such a thread wakes it. `wake` makes one, each time the clock was set back while the
 * client is connected.
 */
export function wakeWhenClockIsSetBack(client: Client, wake: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  const offset = () => Date.now() - performance.now();
  client.on('ready', () => {
    let last = offset();
    clearInterval(timer);
    timer = setInterval(() => {
      const now = offset();
      if (now < last - STEP_MS) wake();
      last = now;
    }, TICK_MS);
    timer.unref();
  });
  client.on('disconnected', () => clearInterval(timer));
}
