/**
 * The admin endpoints, on Redpanda Connect's paths. They only read, they ask no sink for anything, and so they answer at once whatever hangs.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpConfig } from '../config/config.ts';
import type { Dashboard } from './dashboard.ts';
import { DASHBOARD_PAGE } from './dashboard-page.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';
import type { VersionInfo } from './version.ts';

export interface HttpServerOptions {
  readonly config: Pick<HttpConfig, 'host' | 'port' | 'rootPath'>;
  readonly version: VersionInfo;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly dashboard: Dashboard;
}

export interface AdminServer {
  /** Where it listens, the port that was given out included: `http://127.0.0.1:4195`. */
  readonly url: string;
  readonly port: number;
  /** Stops listening; a client that doesn't let go is cut off after half a second. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

interface Endpoint {
  readonly description: string;
  readonly answer: () => Answer | Promise<Answer>;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const CLOSE_AFTER_MS = 500;
const MAX_CONNECTIONS = 256;
/** Node looks for requests that are late every half minute only: for so long, slow clients could hold all connections. */
const PATIENCE = {
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};

/** Listens on `config.host` and `config.port` (0 for any free one). Rejects with Node's error, `EADDRINUSE` for one, if it can't. */
export async function startHttpServer(options: HttpServerOptions): Promise<AdminServer> {
  const endpoints = endpointsOf(options);
  const rootPath = options.config.rootPath.replace(/\/+$/, '');
  const server = createServer(PATIENCE);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void respond(request, response, endpoints, rootPath);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.config.port, options.config.host, resolve);
  });
  // From here on an error is one connection's, not the server's: it must not end the process.
  server.removeAllListeners('error').on('error', () => undefined);

  const { port } = server.address() as AddressInfo;
  const host = options.config.host.includes(':') ? `[${options.config.host}]` : options.config.host;
  return { url: `http://${host}:${port}`, port, close: () => close(server) };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  endpoints: ReadonlyMap<string, Endpoint>,
  rootPath: string,
): Promise<void> {
  // What a client sends is of no interest, but unread it would hold the connection.
  request.resume();
  const answer = await answerOf(request, endpoints, rootPath);
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function answerOf(
  request: IncomingMessage,
  endpoints: ReadonlyMap<string, Endpoint>,
  rootPath: string,
): Promise<Answer> {
  const path = (request.url ?? '/').replace(/[?#].*$/s, '');
  const endpoint = endpoints.get(path) ?? endpoints.get(withoutRoot(path, rootPath));
  if (endpoint === undefined) return json(404, { error: 'not_found' });
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'method_not_allowed' });
  try {
    return await endpoint.answer();
  } catch {
    return json(500, { error: 'internal' });
  }
}

function withoutRoot(path: string, rootPath: string): string {
  if (rootPath === '') return path;
  if (path === rootPath) return '/';
  return path.startsWith(`${rootPath}/`) ? path.slice(rootPath.length) : '';
}

function endpointsOf({ version, metrics, health, dashboard }: HttpServerOptions): ReadonlyMap<string, Endpoint> {
  const prometheus = async (): Promise<Answer> => ({
    status: 200,
    type: metrics.registry.contentType,
    body: await metrics.text(),
  });
  const endpoints = new Map<string, Endpoint>([
    [
      '/',
      { description: 'The dashboard, for a browser.', answer: () => ok('text/html; charset=utf-8', DASHBOARD_PAGE) },
    ],
    [
      '/dashboard.json',
      { description: 'What the dashboard shows, as JSON.', answer: async () => json(200, await dashboard.snapshot()) },
    ],
    ['/ping', { description: 'Answers pong: the process is alive.', answer: () => ok(TEXT_TYPE, 'pong') }],
    [
      '/ready',
      {
        description: 'Status 200 when every input and output is connected and a storage root can be used, else 503.',
        answer: () => {
          const { ready, body } = health.readiness();
          return json(ready ? 200 : 503, body);
        },
      },
    ],
    ['/version', { description: 'The version, and when it was built.', answer: () => json(200, version) }],
    ['/metrics', { description: 'Metrics in the Prometheus text format.', answer: prometheus }],
    ['/stats', { description: 'The same as /metrics.', answer: prometheus }],
  ]);
  endpoints.set('/endpoints', {
    description: 'This list.',
    answer: () => json(200, Object.fromEntries([...endpoints].map(([path, each]) => [path, each.description]))),
  });
  return endpoints;
}

function ok(type: string, body: string): Answer {
  return { status: 200, type, body };
}

function json(status: number, value: unknown): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const force = setTimeout(() => server.closeAllConnections(), CLOSE_AFTER_MS);
  await closed;
  clearTimeout(force);
}
