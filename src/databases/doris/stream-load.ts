/**
 * Loads rows with Stream Load: the FE redirects to a BE, which answers when the rows are durable (Apache Doris, "Stream Load"). After an
 * outcome that isn't known, the load's label tells what became of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SinkError } from '../../errors.ts';
import { isConnectionLost } from '../network-errors.ts';
import { StatementError } from '../statement-error.ts';
import { type LoadAnswer, type LoadState, readBackends, readLoadAnswer, readLoadState } from './answers.ts';
import { type DorisHost, type DorisTarget, hostName } from './dsn.ts';
import { classifyHttpStatus, classifyLoadMessage, isTooLarge } from './errors.ts';
import { type Answer, type Exchange, ExchangeError, exchange } from './http.ts';
import { Labels } from './labels.ts';
import type { DorisTable } from './tables.ts';
import { hostOfUrl, redirectTarget } from './trusted-hosts.ts';

/** Settings of a loader. Times are milliseconds. */
export interface StreamLoaderOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  /** Read for each load, so that a rotated password is used. */
  readonly target: () => DorisTarget;
  readonly connectTimeoutMs: number;
  /** For one load, and once more for the questions about its outcome. Doris ends the load after this time, too. */
  readonly timeoutMs: number;
  /** Whether bodies are compressed. BEs before Doris 2.1 refuse compressed JSON. */
  readonly gzip: boolean;
}

/** What became of a load that Doris answered. */
export type LoadResult =
  | { readonly kind: 'stored'; readonly visible: boolean; readonly label: string }
  | { readonly kind: 'filtered'; readonly rows: number; readonly errorLog: string | undefined };

/** Loads rows, one load at a time. */
export interface StreamLoader {
  /** Loads `body`, one JSON object a line. Rejects with a SinkError when the load must be repeated. */
  load(table: DorisTable, body: Buffer): Promise<LoadResult>;
  /** The state of a label, from the first FE that answers. Rejects with a SinkError. */
  stateOf(label: string): Promise<LoadState>;
  /** Ends requests that are under way. */
  close(): void;
}

/** Why a load failed or its answer is missing, and the server. */
interface Cause {
  readonly code: string;
  readonly place: string | undefined;
}

function textOf({ code, place }: Cause): string {
  return place === undefined ? code : `${code} ${place}`;
}

const STATE_PAUSE_MS = 200;
const KNOWN_MS = 60_000;
const gzipped = promisify<Buffer, Buffer>(gzip);

/** Creates a loader. It opens a connection for each request. */
export function createStreamLoader(options: StreamLoaderOptions): StreamLoader {
  const { name, connectTimeoutMs } = options;
  const labels = new Labels();
  const closing = new AbortController();
  let turn = 0;
  /** The position in the DSN of the FE that answered last, so that one that doesn't isn't waited for each time. */
  let answering = 0;
  let known: { readonly backends: readonly DorisHost[]; readonly until: number } = { backends: [], until: 0 };

  function ask(target: DorisTarget, request: Pick<Exchange, 'method' | 'url'> & Partial<Exchange>): Promise<Answer> {
    const credentials = Buffer.from(`${target.user}:${target.password}`).toString('base64');
    return exchange({
      connectTimeoutMs,
      timeoutMs: connectTimeoutMs,
      tls: target.tls,
      signal: closing.signal,
      ...request,
      headers: { Authorization: `Basic ${credentials}`, ...request.headers },
    });
  }

  function urlOf(target: DorisTarget, host: DorisHost, path: string): URL {
    return new URL(`${target.tls === undefined ? 'http' : 'https'}://${host.name}${path}`);
  }

  function failure(causes: readonly Cause[], isSize: (code: string) => boolean): SinkError {
    const tooLarge = causes.some(({ code }) => isSize(code));
    return new StatementError(name, 'unavailable', causes.map(textOf).join(', '), { tooLarge });
  }

  /** The first result of an FE. `work` returns a text to try the next one. Rejects with a SinkError that has all texts and errors. */
  async function fromFrontends<T extends object>(
    { frontends }: DorisTarget,
    work: (host: DorisHost) => Promise<T | string>,
  ): Promise<T> {
    const failures: Cause[] = [];
    const first = answering;
    for (let n = 0; n < frontends.length; n++) {
      const at = (first + n) % frontends.length;
      const host = frontends[at] as DorisHost;
      try {
        const result = await work(host);
        answering = at;
        if (typeof result !== 'string') return result;
        failures.push({ code: result, place: host.name });
      } catch (error) {
        if (!(error instanceof ExchangeError)) throw error;
        failures.push({ code: error.code, place: host.name });
      }
    }
    // After a lost connection it is unknown whether a load began, so the next one must have the same rows and label.
    throw failure(failures, (code) => isTooLarge(code) && !isConnectionLost(code));
  }

  /** The body of the first answer with status 200 of an FE. Rejects with a SinkError. */
  async function askFrontends(target: DorisTarget, path: string): Promise<string> {
    const { body } = await fromFrontends(target, async (host) => {
      const answer = await ask(target, { method: 'GET', url: urlOf(target, host, path) });
      return answer.status === 200 ? answer : classifyHttpStatus(answer.status).detail;
    });
    return body;
  }

  async function listBackends(target: DorisTarget): Promise<readonly DorisHost[]> {
    const backends = readBackends(await askFrontends(target, '/api/backends?is_alive=true'));
    return backends?.map(({ host, port }) => ({ host, port, name: hostName(host, port) })) ?? [];
  }

  /** The list may be a minute old: BEs are rarely added or removed. */
  async function knownBackends(target: DorisTarget): Promise<readonly DorisHost[]> {
    if (performance.now() >= known.until)
      known = { backends: await listBackends(target), until: performance.now() + KNOWN_MS };
    return known.backends;
  }

  async function stateIn(target: DorisTarget, label: string): Promise<LoadState | undefined> {
    const path = `/api/${target.database}/get_load_state?label=${label}`;
    return readLoadState(await askFrontends(target, path));
  }

  /** What became of a load whose answer is missing: waits until the label has a final state. Rejects with a SinkError otherwise. */
  async function outcomeOf(target: DorisTarget, label: string, cause: Cause): Promise<LoadAnswer> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      const state = await stateIn(target, label);
      switch (state) {
        case 'VISIBLE':
          return { kind: 'stored', visible: true };
        case 'COMMITTED':
          return { kind: 'stored', visible: false };
        case 'ABORTED':
          labels.close(label);
          // A smaller load may be fast enough.
          throw cause.code === 'client_deadline'
            ? new StatementError(name, 'timeout', textOf(cause))
            : failure([cause], isTooLarge);
        case 'UNKNOWN':
          // The BE may still begin it: a retry must load the same rows with the same label, so it must not be smaller.
          throw new SinkError(name, 'unavailable', textOf(cause));
        case 'PREPARE':
        case 'PRECOMMITTED':
        case undefined:
          if (performance.now() >= deadline)
            throw new SinkError(name, 'unavailable', `outcome_unknown: ${textOf(cause)}`);
          await sleep(STATE_PAUSE_MS, undefined, { signal: closing.signal }).catch(() => undefined);
          if (closing.signal.aborted) throw new SinkError(name, 'unavailable', 'closed');
      }
    }
  }

  /** The outcome of a load that was answered. An earlier attempt that still uses the label may be aborted, so it is waited for. */
  async function settled(target: DorisTarget, label: string, answer: LoadAnswer, place?: string): Promise<LoadAnswer> {
    const isInUse = answer.kind === 'label_exists' && !answer.finished;
    return isInUse ? await outcomeOf(target, label, { code: 'label_in_use', place }) : answer;
  }

  /** The BE to send a load to, from the first FE that names one. Resolves to an FE's own answer if it refuses the load. */
  async function findBackend(
    target: DorisTarget,
    path: string,
    request: { readonly headers: Record<string, string>; readonly body: Buffer },
  ): Promise<URL | Answer> {
    const { backends, redirectPolicy } = target;
    const from = turn++;
    if (backends.length > 0 && redirectPolicy === undefined)
      return urlOf(target, backends[from % backends.length] as DorisHost, path);
    const { answer, url } = await fromFrontends(target, async (host) => {
      const url = urlOf(target, host, path);
      const answer = await ask(target, { method: 'PUT', url, timeoutMs: options.timeoutMs, ...request });
      return answer.status < 400 ? { answer, url } : classifyHttpStatus(answer.status).detail;
    });
    if (answer.status < 300) return answer;
    return redirectTarget(answer.location, { url, target, name }, () => knownBackends(target));
  }

  async function attempt(target: DorisTarget, table: DorisTable, body: Buffer, label: string): Promise<LoadAnswer> {
    const path = `/api/${target.database}/${table.name}/_stream_load`;
    const request = { headers: headersOf(target, table, body, label), body };
    const backend = await findBackend(target, path, request);
    // A refusal, or the answer of a BE where a proxy follows the redirect.
    if (!(backend instanceof URL))
      return settled(target, label, readLoadAnswer(backend.body) ?? { kind: 'failed', message: '' });
    const place = hostOfUrl(backend);
    try {
      const answer = await ask(target, { method: 'PUT', url: backend, timeoutMs: options.timeoutMs, ...request });
      if (answer.status === 200) {
        const read = readLoadAnswer(answer.body);
        if (read !== undefined) return await settled(target, label, read, place);
      } else if (answer.status < 500) {
        const { code, detail } = classifyHttpStatus(answer.status);
        throw new StatementError(name, code, detail, { address: place, tooLarge: isTooLarge(detail) });
      }
      return await outcomeOf(target, label, { code: `http_${answer.status}`, place });
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      if (!error.bodySent) throw new SinkError(name, 'unavailable', error.code, { address: place, cause: error });
      return await outcomeOf(target, label, { code: error.code, place });
    }
  }

  function headersOf(target: DorisTarget, table: DorisTable, body: Buffer, label: string): Record<string, string> {
    return {
      Expect: '100-continue',
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      label,
      format: 'json',
      read_json_by_line: 'true',
      columns: table.loaded.map((column) => `\`${column}\``).join(','),
      // Otherwise a value that a column can't hold becomes null.
      strict_mode: 'true',
      max_filter_ratio: '0',
      timeout: String(Math.ceil(options.timeoutMs / 1000)),
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      ...(table.keepsOthers ? { partial_columns: 'true', partial_update_new_key_behavior: 'APPEND' } : {}),
      ...(options.gzip ? { compress_type: 'gz' } : {}),
      ...(target.redirectPolicy === undefined ? {} : { 'redirect-policy': target.redirectPolicy }),
    };
  }

  /** The log of refused rows; undefined if it can't be had. It contains values, so it is only read from trusted hosts, and never kept. */
  async function readErrorLog(target: DorisTarget, errorUrl: string | undefined): Promise<string | undefined> {
    if (errorUrl === undefined || target.frontends[0] === undefined) return undefined;
    try {
      const url = urlOf(target, target.frontends[0], '/');
      const log = await redirectTarget(errorUrl, { url, target, name }, () => knownBackends(target));
      const { status, body } = await ask(target, { method: 'GET', url: log });
      return status === 200 ? body : undefined;
    } catch (error) {
      if (error instanceof SinkError || error instanceof ExchangeError) return undefined;
      throw error;
    }
  }

  return {
    async load(table, rows) {
      if (closing.signal.aborted) throw new SinkError(name, 'unavailable', 'closed');
      const target = options.target();
      const body = options.gzip ? await gzipped(rows) : rows;
      const label = labels.labelOf(table.name, rows);
      const answer = await attempt(target, table, body, label);
      labels.close(label);
      switch (answer.kind) {
        case 'stored':
          return { kind: 'stored', visible: answer.visible, label };
        case 'label_exists':
          // Only this process makes such a label, for exactly these rows: an earlier attempt has stored them.
          return { kind: 'stored', visible: false, label };
        case 'filtered':
          return { kind: 'filtered', rows: answer.rows, errorLog: await readErrorLog(target, answer.errorUrl) };
        case 'failed': {
          const { code, detail } = classifyLoadMessage(answer.message);
          throw code === 'timeout' || isTooLarge(detail)
            ? new StatementError(name, code, `${detail} ${table.name}`, { tooLarge: isTooLarge(detail) })
            : new SinkError(name, code, `${detail} ${table.name}`);
        }
      }
    },
    async stateOf(label) {
      const state = await stateIn(options.target(), label);
      if (state === undefined) throw new SinkError(name, 'unavailable', 'no_load_state');
      return state;
    },
    close: () => closing.abort(),
  };
}
