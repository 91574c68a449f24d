/** Takes a server's process, or its connections where there is no process to take. */
import type { TcpProxy } from '../proxy.ts';
import type { StackServer } from './server.ts';

/** A server can be stopped, killed and frozen, each undone by `start`. */
export class FaultyServer {
  readonly #server: StackServer;
  readonly #line: TcpProxy;
  #state: 'running' | 'paused' | 'ended' = 'running';

  constructor(server: StackServer, line: TcpProxy) {
    this.#server = server;
    this.#line = line;
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  stop(): Promise<void> {
    return this.#end('stop');
  }

  kill(): Promise<void> {
    return this.#end('kill');
  }

  async pause(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    if (this.#server.process === undefined) this.#line.blackHole(true);
    else await this.#server.process.pause();
  }

  /** Makes it run, whatever was done to it. Resolves when it accepts connections. */
  async start(): Promise<void> {
    const { process } = this.#server;
    const was = this.#state;
    this.#state = 'running';
    if (was === 'paused') {
      if (process === undefined) this.#line.blackHole(false);
      else await process.resume();
    } else if (was === 'ended') {
      if (process !== undefined) await process.start();
      await this.#line.refuse(false);
    }
  }

  async #end(how: 'stop' | 'kill'): Promise<void> {
    // A frozen process can't shut down.
    if (this.#state === 'paused' && how === 'stop') await this.start();
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    await this.#server.process?.[how]();
    await this.#line.refuse(true);
  }
}
