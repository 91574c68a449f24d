/** One process of the service. A watcher checks its counters, its memory, and that it doesn't end by itself. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exit, ServiceProcess } from '../../../src/testing/service-process.ts';

export interface Figures {
  readonly consumed: number;
  readonly acked: number;
  readonly deadLettered: number;
  readonly released: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly lag: number;
  readonly rssMb: number;
}

/** It must have ended this long after SIGTERM (promise 12). */
const STOP_MS = 10_000;
const SAMPLE_MS = 300;

export class Member {
  readonly name: string;
  readonly process: ServiceProcess;
  readonly log: string;
  peakRssMb = 0;
  #ending = false;
  #stopped = false;
  readonly #problem: (text: string) => void;

  constructor(name: string, process: ServiceProcess, log: string, problem: (text: string) => void) {
    this.name = name;
    this.process = process;
    this.log = log;
    this.#problem = problem;
    void process.exited.then(({ code, signal }) => {
      this.#stopped = true;
      if (!this.#ending) problem(`${name} ended by itself: code ${code}, signal ${signal}`);
    });
    void this.#watch();
  }

  get running(): boolean {
    return !this.#ending;
  }

  /** Each line of its log that is JSON. */
  logLines(): readonly Record<string, unknown>[] {
    return readFileSync(this.log, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          return [JSON.parse(line)];
        } catch {
          return [];
        }
      });
  }

  async until(what: string, test: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await test())) {
      if (performance.now() > deadline)
        throw new Error(`${this.name}: not within ${timeoutMs} ms: ${what}; see ${this.log}`);
      await sleep(50);
    }
  }

  async untilLogged(msg: string, timeoutMs?: number): Promise<void> {
    await this.until(`"${msg}"`, () => this.logLines().some((line) => line.msg === msg), timeoutMs);
  }

  /** The address of its admin endpoints; undefined until it has started. */
  url(): string | undefined {
    const started = this.logLines().find((line) => line.msg === 'started');
    return typeof started?.url === 'string' ? started.url : undefined;
  }

  async ready(): Promise<boolean> {
    try {
      return (await fetch(`${this.url()}/ready`, { signal: AbortSignal.timeout(2_000) })).ok;
    } catch {
      return false;
    }
  }

  /** Its metrics; undefined while it doesn't answer. */
  async figures(): Promise<Figures | undefined> {
    try {
      const response = await fetch(`${this.url()}/metrics`, { signal: AbortSignal.timeout(5_000) });
      return toFigures(await response.text());
    } catch {
      return undefined;
    }
  }

  async kill(): Promise<void> {
    this.#ending = true;
    await this.process.signal('SIGKILL');
  }

  /** Waits until it ends for a reason other than `kill` and `stop`. */
  exits(): Promise<Exit> {
    this.#ending = true;
    return this.process.exited;
  }

  /** Sends SIGTERM. Reports a problem when it takes too long or ends with another code than 0; `mayForce` also allows 4 and its own SIGKILL. */
  async stop({ mayForce = false } = {}): Promise<Exit> {
    this.#ending = true;
    const began = performance.now();
    let tooLate = false;
    const late = setTimeout(() => {
      tooLate = true;
      void this.process.signal('SIGKILL');
    }, STOP_MS * 2);
    const exit = await this.process.signal('SIGTERM');
    clearTimeout(late);
    const ms = Math.round(performance.now() - began);
    if (ms > STOP_MS) this.#problem(`${this.name} took ${ms} ms to end after SIGTERM`);
    // Before its signal handler is installed, SIGTERM ends it like any program.
    if (this.url() === undefined) return exit;
    const forced = exit.code === 4 || (exit.signal === 'SIGKILL' && !tooLate);
    if (exit.code !== 0 && !(mayForce && forced))
      this.#problem(`${this.name} ended with code ${exit.code}, signal ${exit.signal} after SIGTERM`);
    return exit;
  }

  /** Promise 17, sampled until the process ends. */
  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const figures = await this.figures();
      if (figures !== undefined) {
        this.peakRssMb = Math.max(this.peakRssMb, figures.rssMb);
        const { consumed, acked, deadLettered, released, inFlight, waiting } = figures;
        if (consumed !== acked + deadLettered + released + inFlight + waiting)
          this.#problem(
            `${this.name}: consumed ${consumed} is not acked ${acked} + dead-lettered ${deadLettered} + released ${released} ` +
              `+ in flight ${inFlight} + waiting ${waiting}`,
          );
      }
      await sleep(SAMPLE_MS);
    }
  }
}

function toFigures(text: string): Figures {
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  const of = (name: string) => sums.get(name) ?? 0;
  return {
    consumed: of('wado_records_consumed'),
    acked: of('wado_records_acked'),
    deadLettered: of('wado_records_dead_lettered'),
    released: of('wado_records_released'),
    inFlight: of('wado_records_in_flight'),
    waiting: of('wado_records_waiting'),
    lag: of('redpanda_lag'),
    rssMb: of('process_resident_memory_bytes') / 1024 / 1024,
  };
}
