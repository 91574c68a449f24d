/** A service process under a watcher, which checks its counters, its memory, and that it doesn't end by itself. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Exit, ServiceProcess } from '../../../src/testing/service-process.ts';
import { until } from '../../../src/testing/until.ts';

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
  peakRssMb = 0;
  #ending = false;
  #stopped = false;
  readonly #problem: (text: string) => void;

  constructor(name: string, process: ServiceProcess, problem: (text: string) => void) {
    this.name = name;
    this.process = process;
    this.#problem = problem;
    void process.exited.then(({ code, signal }) => {
      this.#stopped = true;
      if (!this.#ending) problem(`${name} ended by itself: code ${code}, signal ${signal}`);
    });
    void this.#watch();
  }

  get log(): string {
    return this.process.log;
  }

  get running(): boolean {
    return !this.#ending;
  }

  logLines(): readonly Readonly<Record<string, unknown>>[] {
    return this.process.logLines();
  }

  async until(what: string, test: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void> {
    await until(`${this.name}: ${what}; see ${this.log}`, test, timeoutMs);
  }

  async untilLogged(msg: string, timeoutMs?: number): Promise<void> {
    await this.until(`"${msg}"`, () => this.logLines().some((line) => line.msg === msg), timeoutMs);
  }

  ready(): Promise<boolean> {
    return this.process.ready();
  }

  /** Its metrics; undefined while it doesn't answer. */
  async figures(): Promise<Figures | undefined> {
    const metrics = await this.process.metrics();
    return metrics === undefined ? undefined : toFigures(metrics);
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
    if (this.process.url() === undefined) return exit;
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

function toFigures(metrics: ReadonlyMap<string, number>): Figures {
  const of = (name: string) => metrics.get(name) ?? 0;
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
