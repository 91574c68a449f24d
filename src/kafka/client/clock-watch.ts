const TICK_MS = 500;
/** Smaller steps are ignored: they lengthen a wait by at most this time. */
const STEP_MS = 1_000;

type Client = {
  on(event: 'ready' | 'disconnected', listener: () => void): unknown;
};

/**
 * librdkafka's threads wait until a wall-clock time. If the clock is set back by an hour, the next heartbeat or commit comes an hour
 * late. Any request wakes such a thread: `wake`, which must make one, is called when the clock is set back while the client is connected.
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
