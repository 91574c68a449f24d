/** The HTTP port of an FE: redirects loads, lists the BEs, and tells the state of labels. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerAsBackend } from './backend.ts';
import type { Cluster } from './cluster.ts';

/** Answers a request to an FE. An FE never reads the body of a load. */
export function answerAsFrontend(cluster: Cluster, request: IncomingMessage, response: ServerResponse): unknown {
  const url = new URL(request.url ?? '/', 'http://fe');
  const json = (body: unknown, status = 200) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (url.pathname === '/') return response.end('Doris');
  if (!cluster.allows(request.headers.authorization))
    return json({ msg: 'Unauthorized', code: 401, data: 'Access denied for user', count: 0 }, 401);
  const [, api, database, table, verb] = url.pathname.split('/');
  if (api !== 'api') return json({ msg: 'Not Found', code: 404 }, 404);
  if (url.pathname === '/api/backends') {
    const backends = cluster.backends
      .filter(({ alive }) => alive || url.searchParams.get('is_alive') !== 'true')
      .map(({ host, port, alive }) => ({ ip: host, http_port: port, is_alive: alive }));
    return json({ msg: 'success', code: 0, data: { backends }, count: 0 });
  }
  if (database !== cluster.database)
    return json({ msg: 'Error', code: 1, data: `Database [${database}] does not exist`, count: 0 });
  if (table === 'get_load_state') {
    const label = url.searchParams.get('label') ?? '';
    const data = cluster.transactions.find(label)?.state ?? 'UNKNOWN';
    return json({ msg: 'success', code: 0, data, count: 0 });
  }
  if (table === '_stream_load_2pc') return redirect(cluster, request, response);
  if (verb === '_schema') return describeTable(cluster, table ?? '', json);
  if (verb !== '_stream_load' || request.method !== 'PUT') return json({ msg: 'Not Found', code: 404 }, 404);
  // RestBaseResult, with lower-case names, unlike a BE's answer.
  const refuse = (msg: string) => json({ status: 'FAILED', msg });
  if (request.headers.expect === undefined) return refuse('There is no 100-continue header');
  if (!cluster.tables.has(table ?? ''))
    return refuse(`errCode = 2, detailMessage = Unknown table '${table}' in ${database}`);
  return redirect(cluster, request, response);
}

function redirect(cluster: Cluster, request: IncomingMessage, response: ServerResponse): unknown {
  const backend = cluster.nextBackend();
  if (backend === undefined) {
    const msg = 'No backend load available, policy: computeNode=false | query=false | load=true';
    return response.end(JSON.stringify({ status: 'FAILED', msg }));
  }
  if (cluster.redirect === 'followed') return answerAsBackend(cluster, backend.port, request, response);
  const place = `${backend.host}:${backend.port}${request.url}`;
  const credentials = `${encodeURIComponent(cluster.user)}:${encodeURIComponent(cluster.password)}@`;
  const locations = {
    with_credentials: `${cluster.scheme}://${credentials}${place}`,
    plain: `${cluster.scheme}://${place}`,
    other_scheme: `${cluster.scheme === 'http' ? 'https' : 'http'}://${place}`,
    foreign_host: `${cluster.scheme}://${credentials}127.0.0.1:${cluster.foreignPort}${request.url}`,
    without_location: undefined,
  };
  const location = locations[cluster.redirect];
  return response.writeHead(307, { connection: 'close', ...(location === undefined ? {} : { location }) }).end();
}

function describeTable(cluster: Cluster, name: string, json: (body: unknown) => unknown): unknown {
  const table = cluster.tables.get(name);
  if (table === undefined) return json({ msg: 'Error', code: 1, data: `Unknown table '${name}'`, count: 0 });
  const properties = table.columns.map((column) => ({
    type: column.type
      .replace(/\(.*/, '')
      .replace(/^(date|datetime)$/, '$1v2')
      .toUpperCase(),
    name: column.name,
    comment: '',
    aggregation_type: table.key.includes(column.name) ? '' : 'REPLACE',
  }));
  return json({ msg: 'success', code: 0, data: { properties, keysType: 'UNIQUE_KEYS', status: 200 }, count: 0 });
}
