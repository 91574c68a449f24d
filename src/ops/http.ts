/**
 * The admin endpoints, on Redpanda Connect's paths. They are read-only and query no sink, so they answer even when a
 * sink hangs.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpConfig } from '../config/config.ts';
import type { Dashboard } from './dashboard.ts';
import { DASHBOARD_PAGE } from './dashboard-page.ts';
import type { ComponentStatus, Health } from './health.ts';
import type { Metrics } from './metrics.ts';
import type { VersionInfo } from './version.ts';

/** The address and the sources of the answers. */
export interface HttpServerOptions {
  readonly config: Pick<HttpConfig, 'host' | 'port' | 'rootPath'>;
  readonly version: VersionInfo;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly dashboard: Dashboard;
}

/** The running server. */
export interface AdminServer {
  /** The address with the actual port: `http://127.0.0.1:4195`. */
  readonly url: string;
  readonly port: number;
  /** Stops listening. Open connections are closed after half a second. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

interface Endpoint {
  readonly description: string;
  readonly answer: (query: URLSearchParams) => Answer | Promise<Answer>;
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const CLOSE_AFTER_MS = 500;
const MAX_CONNECTIONS = 256;
/** Node's default interval for timeout checks is 30 s, so long could slow clients occupy all connections. */
const TIMEOUTS = {
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};

/**
 * Listens on `config.host` and `config.port` (0: any free port). Rejects with Node's error, for example `EADDRINUSE`.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<AdminServer> {
  const endpoints = endpointsOf(options);
  const rootPath = options.config.rootPath.replace(/\/+$/, '');
  const server = createServer(TIMEOUTS);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void respond(request, response, endpoints, rootPath);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.config.port, options.config.host, resolve);
  });
  // Later errors belong to single connections and must not end the process.
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
  // The body is read and ignored, because an unread one would keep the connection open.
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
  const [, path = '/', query = ''] = /^([^?#]*)\??([^#]*)/s.exec(request.url ?? '/') ?? [];
  const endpoint = endpoints.get(path) ?? endpoints.get(withoutRoot(path, rootPath));
  if (endpoint === undefined) return json(404, { error: 'not_found' });
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'method_not_allowed' });
  try {
    return await endpoint.answer(new URLSearchParams(query));
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
    ['/', { description: 'The dashboard.', answer: () => ok('text/html; charset=utf-8', DASHBOARD_PAGE) }],
    [
      '/dashboard.json',
      { description: 'The data of the dashboard, as JSON.', answer: async () => json(200, await dashboard.snapshot()) },
    ],
    ['/ping', { description: 'Answers pong: the process is alive.', answer: () => ok(TEXT_TYPE, 'pong') }],
    [
      '/ready',
      {
        description: 'Status 200 when every input and output is connected and a storage root can be used, else 503.',
        answer: (query) => {
          const { ready, body } = health.readiness();
          const { held, throttling } = metrics;
          const throttleMs = throttling.now();
          return json(ready ? 200 : 503, {
            ...body,
            statuses: body.statuses.map(asRedpandaConnect),
            ...(throttleMs > 0 ? { throttled_ms: throttleMs } : {}),
            ...(query.has('verbose')
              ? { held: held.counts(), partitions: held.partitions(), paused: metrics.paused() ?? null }
              : {}),
          });
        },
      },
    ],
    ['/version', { description: 'The version and its build time.', answer: () => json(200, version) }],
    ['/metrics', { description: 'Metrics in the Prometheus text format.', answer: prometheus }],
    ['/stats', { description: 'The same as /metrics.', answer: prometheus }],
  ]);
  endpoints.set('/endpoints', {
    description: 'This list.',
    answer: () => json(200, Object.fromEntries([...endpoints].map(([path, each]) => [path, each.description]))),
  });
  return endpoints;
}

/** `/ready` names paths without the `root.` that metrics and logs have. */
function asRedpandaConnect(status: ComponentStatus): ComponentStatus {
  return { ...status, path: status.path.replace(/^root\./, '') };
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
