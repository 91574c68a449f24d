/** What a running service says of itself: by its log, and over HTTP (docs/operating.md). */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The state of a service process from outside. */
export interface ServiceState {
  /** The path of its log. */
  readonly log: string;
  /** The lines of its log that are JSON, since this process was started. */
  logLines(): readonly Readonly<Record<string, unknown>>[];
  /** The address of its admin endpoints, `http://127.0.0.1:4195`; undefined before it listens. */
  url(): string | undefined;
  /** Whether `/ready` answers with 200. False while nothing answers. */
  ready(): Promise<boolean>;
  /** The error codes that `/ready` names, one for each connection that isn't made; undefined while nothing answers. */
  problems(): Promise<readonly string[] | undefined>;
  /** The metrics by name, each the sum of its series; undefined while nothing answers. */
  metrics(): Promise<ReadonlyMap<string, number> | undefined>;
}

const DEADLINE_MS = 5_000;

/** `from` is the size of the log, in bytes, when the process was started. Another process may have written to it before. */
export function serviceState(log: string, from: number): ServiceState {
  const logLines = () => jsonLines(textFrom(log, from));
  let found: string | undefined;
  const url = () => {
    const started = found === undefined ? logLines().find(({ msg }) => msg === 'started') : undefined;
    if (typeof started?.url === 'string') found = started.url;
    return found;
  };
  const ask = async (path: string): Promise<Response | undefined> => {
    try {
      const address = url();
      if (address === undefined) return undefined;
      return await fetch(`${address}${path}`, { signal: AbortSignal.timeout(DEADLINE_MS) });
    } catch {
      // It doesn't answer, or its log has been removed with it.
      return undefined;
    }
  };
  return {
    log,
    logLines,
    url,
    ready: async () => (await ask('/ready'))?.ok ?? false,
    problems: async () => {
      const answer = await ask('/ready');
      const body = (await answer?.json().catch(() => undefined)) as Readiness | undefined;
      return body?.statuses.flatMap(({ error }) => error ?? []);
    },
    metrics: async () => {
      const text = await (await ask('/metrics'))?.text().catch(() => undefined);
      return text === undefined ? undefined : sumsOf(text);
    },
  };
}

interface Readiness {
  readonly statuses: readonly { readonly error?: string }[];
}

function textFrom(file: string, from: number): string {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - from));
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, from));
  } finally {
    closeSync(descriptor);
  }
}

/** The last line may be half written, and a program that dies may print others. */
function jsonLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
    } catch {
      return [];
    }
  });
}

/** Format: the text format of Prometheus, `name{labels} value`. */
function sumsOf(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
