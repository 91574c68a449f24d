export interface Closable {
  close(): Promise<void>;
}

export interface Closers extends Closable {
  push(part: Closable): void;
  /** Remembers a part once it has started; if others are closed meanwhile, it is closed as it comes. */
  add<T extends Closable>(starting: Promise<T>): Promise<T>;
}

/** Parts that are closed in the reverse order of their start, each even if another can't be. */
export function closers(): Closers {
  const parts: Closable[] = [];
  let closed = false;
  return {
    push: (part) => {
      parts.push(part);
    },
    add: async (starting) => {
      const part = await starting;
      if (closed) await part.close();
      else parts.push(part);
      return part;
    },
    close: async () => {
      closed = true;
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        await part.close().catch(() => undefined);
      }
    },
  };
}
