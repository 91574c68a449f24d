import { inspect } from 'node:util';

const MASK = '[secret]';

/**
 * A value that must not be seen: a DSN, a password, a token, a private key. Whatever prints it prints `[secret]`; only `reveal()`
 * gives it away, so a search for that word finds every place that does.
 */
export class Secret {
  readonly #read: () => string;

  /** `read` is called at every `reveal()`. It may throw an error that names a variable and a file, never a value. */
  constructor(read: () => string) {
    this.#read = read;
  }

  /** A secret that never changes. */
  static of(value: string): Secret {
    return new Secret(() => value);
  }

  /**
   * The value as it is now: a secret that lives in a file (`X_FILE`) is read again at each call, so that a rotated one is picked up
   * at the next connection. Throws a ConfigError when the file can't be read any more.
   */
  reveal(): string {
    return this.#read();
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
