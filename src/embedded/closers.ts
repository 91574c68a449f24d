export interface Closable {
  close(): Promise<void>;
}

export interface Closers extends Closable {
  push(part: Closable): void;
  /** Adds a part once it has started. If `close()` was called in the meantime, it is closed immediately. */
  add<T extends Closable>(starting: Promise<T>): Promise<T>;
}

/** Parts that are closed in the reverse order of their start, also if closing one of them fails. */
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
