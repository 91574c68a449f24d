/** Holds and fails calls of nodes by their names, and counts the calls that run. */
export class Faults {
  readonly #names: () => readonly string[];
  /** How many more calls are to be held, and what resumes those that are. */
  readonly #held = new Map<string, { left: number; readonly resumes: (() => void)[] }>();
  readonly #failures = new Map<string, { readonly error: Error; left: number }>();
  #running = 0;
  #changed: (() => void)[] = [];

  /** `names` returns the names of the nodes that have calls. */
  constructor(names: () => readonly string[]) {
    this.#names = names;
  }

  /** The number of calls that run and are not held. */
  get running(): number {
    return this.#running;
  }

  hold(name: string, calls: number): void {
    this.check(name);
    const held = this.#held.get(name);
    if (held === undefined) this.#held.set(name, { left: calls, resumes: [] });
    else held.left = calls;
  }

  release(name: string): void {
    this.check(name);
    this.#failures.delete(name);
    const held = this.#held.get(name);
    this.#held.delete(name);
    for (const resume of held?.resumes ?? []) resume();
  }

  fail(name: string, error: Error, times: number): void {
    this.check(name);
    this.#failures.set(name, { error, left: times });
    for (const resume of this.#held.get(name)?.resumes.splice(0) ?? []) resume();
  }

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  /** Makes a call of a node: after `release` while it is held, and not at all when it is to fail. */
  async call<T>(name: string, run: () => Promise<T>): Promise<T> {
    const held = this.#held.get(name);
    if (held !== undefined && held.left > 0) {
      held.left--;
      // Woken by `fail`, a call continues to be held when the failures are used up.
      while (this.#held.get(name) === held && !this.#failures.has(name))
        await new Promise<void>((resolve) => held.resumes.push(resolve));
    }
    const failure = this.#failures.get(name);
    if (failure !== undefined) {
      if (--failure.left <= 0) this.#failures.delete(name);
      throw failure.error;
    }
    this.#running++;
    try {
      return await run();
    } finally {
      this.#running--;
      for (const resolve of this.#changed.splice(0)) resolve();
    }
  }

  /** Resolves when a running call has ended. */
  ended(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  /** Throws a TypeError when there is no such node. */
  check(name: string): void {
    const names = this.#names();
    if (!names.includes(name)) throw new TypeError(`no node is named ${name}; there are ${names.join(', ')}`);
  }
}
