import { inspect } from 'node:util';

const MASK = '[secret]';

/**
 * A value that must not be shown: a DSN, a password, a token, a private key. It prints as `[secret]`. Only `reveal()` returns it, so a
 * search for that name finds every use.
 */
export class Secret {
  readonly #read: () => string;

  /** `read` is called at every `reveal()`. Its errors may name a variable and a file, never a value. */
  constructor(read: () => string) {
    this.#read = read;
  }

  /** A secret that never changes. */
  static of(value: string): Secret {
    return new Secret(() => value);
  }

  /**
   * The current value. A secret in a file (`X_FILE`) is read again at each call, so that the next connection uses a rotated one.
   * Throws a ConfigError when the file can't be read.
   */
  reveal(): string {
    return this.#read();
  }

  /** `[secret]`. */
  toString(): string {
    return MASK;
  }

  /** `[secret]`. */
  toJSON(): string {
    return MASK;
  }

  /** `[secret]`. */
  [inspect.custom](): string {
    return MASK;
  }
}
