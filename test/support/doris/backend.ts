/** The HTTP port of a BE: takes loads, commits or aborts those in two phases, and serves error logs. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { Cluster, LoadFault } from './cluster.ts';
import { LoadFailure, type LoadSettings, type PreparedLoad, type Table } from './table.ts';
import type { Transaction } from './transactions.ts';

/** Answers a request to a BE. `proceed` sends 100 Continue. */
export async function answerAsBackend(
  cluster: Cluster,
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://be');
  const json = (body: unknown) => void response.end(`${JSON.stringify(body)}\n`);
  if (url.pathname === '/api/health') return json({ status: 'OK', msg: 'To Be Added' });
  if (url.pathname === '/api/_load_error_log') {
    const log = cluster.log(Number(url.searchParams.get('file')));
    return void response.writeHead(log === undefined ? 404 : 200).end(log ?? '');
  }
  const [, , database, name = '', verb] = url.pathname.split('/');
  if (name === '_stream_load_2pc' || verb === '_stream_load_2pc') return json(secondPhase(cluster, request));
  if (verb !== '_stream_load' || database !== cluster.database) return void response.writeHead(404).end();
  const label = String(request.headers.label ?? `double_${cluster.received.length}`);
  const answer = (fields: Record<string, unknown>) => json({ TxnId: -1, Label: label, ...NO_ROWS, ...fields });
  const refusal = refuseHeaders(cluster, request);
  if (refusal !== undefined) return answer({ Status: 'Fail', Message: refusal });
  const table = cluster.tables.get(name);
  if (table === undefined) return answer({ Status: 'Fail', Message: `unknown table, tableName=${name}` });
  const started = cluster.transactions.begin(label, table);
  if ('existing' in started) return answer(labelExists(started.existing));
  const fault = cluster.takeFault(name);
  if (fault?.kind === 'delay') await sleep(fault.ms);
  await receive(cluster, { port, table, transaction: started.begun, fault }, request, response);
}

interface Load {
  readonly port: number;
  readonly table: Table;
  readonly transaction: Transaction;
  readonly fault: LoadFault | undefined;
}

async function receive(
  cluster: Cluster,
  load: Load,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { transaction, table, fault, port } = load;
  const { transactions } = cluster;
  // Without it, a client that waits for it sends nothing.
  if (request.headers.expect !== undefined) response.writeContinue();
  let prepared: PreparedLoad;
  let bytes = 0;
  try {
    const sent = await buffer(request);
    bytes = sent.length;
    const body = request.headers.compress_type === undefined ? sent : gunzipSync(sent);
    const objects = parseBody(request, body.toString('utf8'));
    const { label } = transaction;
    cluster.received.push({ table: table.name, label, rows: objects.length, headers: { ...request.headers } });
    prepared = table.prepare(objects, settingsOf(cluster, request));
  } catch (error) {
    transactions.abort(transaction);
    // The client is gone in the middle of the body.
    if (!(error instanceof LoadFailure)) return void request.socket.destroy();
    return answer(response, transaction, { Status: 'Fail', Message: error.message });
  }
  if (
    prepared.errors.length > 0 &&
    prepared.errors.length / prepared.total > Number(request.headers.max_filter_ratio ?? 0)
  ) {
    transactions.abort(transaction);
    const id = cluster.keepLog(prepared.errors);
    return answer(response, transaction, {
      Status: 'Fail',
      Message: '[DATA_QUALITY_ERROR]too many filtered rows',
      NumberTotalRows: prepared.total,
      NumberFilteredRows: prepared.errors.length,
      ErrorURL: `http://127.0.0.1:${port}/api/_load_error_log?file=${id}`,
    });
  }
  transaction.load = prepared;
  if (fault?.kind === 'slow') await sleep(fault.ms);
  if (request.socket.destroyed) return transactions.abort(transaction);
  switch (fault?.kind) {
    case 'cut_before_commit':
      transactions.abort(transaction);
      return void request.socket.destroy();
    case 'fail':
      transactions.abort(transaction);
      return answer(response, transaction, { Status: 'Fail', Message: fault.message });
    case 'http':
      transactions.abort(transaction);
      return void response.writeHead(fault.status).end();
    case 'cut_then_commit':
      request.socket.destroy();
      await sleep(fault.afterMs);
      if (transaction.state === 'PREPARE') transactions.publish(transaction);
      return;
  }
  const rows = { NumberTotalRows: prepared.total, NumberLoadedRows: prepared.rows.length, LoadBytes: bytes };
  if (request.headers.two_phase_commit === 'true') {
    transaction.state = 'PRECOMMITTED';
    return answer(response, transaction, { Status: 'Success', Message: 'OK', TwoPhaseCommit: 'true', ...rows });
  }
  transactions.commit(transaction);
  if (fault?.kind === 'publish_timeout')
    return answer(response, transaction, {
      Status: 'Publish Timeout',
      Message: 'transaction commit successfully, BUT data will be visible later',
      ...rows,
    });
  try {
    transactions.publish(transaction);
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error;
    transaction.state = 'ABORTED';
    return answer(response, transaction, { Status: 'Fail', Message: error.message });
  }
  if (fault?.kind === 'cut_after_commit') return void request.socket.destroy();
  if (fault?.kind === 'hang_after_commit') return;
  answer(response, transaction, { Status: 'Success', Message: 'OK', ...rows });
}

/** Every answer has these. Clients rely on it: Flink's fails without LoadBytes. */
const NO_ROWS = {
  NumberTotalRows: 0,
  NumberLoadedRows: 0,
  NumberFilteredRows: 0,
  NumberUnselectedRows: 0,
  LoadBytes: 0,
  LoadTimeMs: 1,
  BeginTxnTimeMs: 0,
  StreamLoadPutTimeMs: 0,
  ReadDataTimeMs: 0,
  WriteDataTimeMs: 0,
  CommitAndPublishTimeMs: 0,
};

function answer(response: ServerResponse, { id, label }: Transaction, fields: Record<string, unknown>): void {
  response.end(`${JSON.stringify({ TxnId: id, Label: label, ...NO_ROWS, ...fields })}\n`);
}

function labelExists({ id, label, state }: Transaction): Record<string, unknown> {
  const jobs = {
    PREPARE: 'RUNNING',
    PRECOMMITTED: 'PRECOMMITTED',
    COMMITTED: 'FINISHED',
    VISIBLE: 'FINISHED',
    ABORTED: '',
  };
  return {
    Status: 'Label Already Exists',
    ExistingJobStatus: jobs[state],
    Message: `errCode = 2, detailMessage = Label [${label}] has already been used, relate to txn [${id}]`,
  };
}

/** What a BE refuses before it reads the body. */
function refuseHeaders(cluster: Cluster, request: IncomingMessage): string | undefined {
  const { headers } = request;
  if (!cluster.allows(headers.authorization)) return '[NOT_AUTHORIZED]no valid Basic authorization';
  const length = headers['content-length'] !== undefined;
  const chunked = headers['transfer-encoding']?.includes('chunked') === true;
  if (length && chunked) return '[INVALID_ARGUMENT]please do not set both content_length and transfer-encoding';
  if (!length && !chunked)
    return '[INVALID_ARGUMENT]content_length is empty and transfer-encoding!=chunked, please set content_length or transfer-encoding=chunked';
  if (headers.format !== 'json') return `unknown data format, format=${headers.format}`;
  if (headers.label !== undefined && !/^[-_A-Za-z0-9:]{1,128}$/.test(String(headers.label)))
    return `errCode = 2, detailMessage = Label format error. regex: ^[-_A-Za-z0-9:]{1,128}$, but current label: ${headers.label}`;
  if (headers.compress_type !== undefined && cluster.refusesCompressedJson)
    return '[INTERNAL_ERROR]compress data of JSON format is not supported.';
  if (headers.group_commit !== undefined && headers.group_commit !== 'off_mode' && headers.label !== undefined)
    return "label and group_commit can't be set at the same time";
  return undefined;
}

function parseBody({ headers }: IncomingMessage, body: string): readonly unknown[] {
  const byLine = headers.read_json_by_line === 'true';
  const array = headers.strip_outer_array === 'true';
  if (!byLine && !array) return [parseJson(body)];
  const parsed = byLine
    ? body
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map(parseJson)
    : [parseJson(body)];
  return array ? parsed.flat() : parsed;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LoadFailure('[DATA_QUALITY_ERROR]Parse json data for JsonDoc failed');
  }
}

function settingsOf({ version }: Cluster, { headers }: IncomingMessage): LoadSettings {
  const [, major = 0, minor = 0] = /doris-(\d+)\.(\d+)/.exec(version) ?? [];
  const strict = headers.strict_mode === 'true';
  const hasPolicy = Number(major) * 100 + Number(minor) >= 301;
  return {
    columns:
      headers.columns === undefined
        ? undefined
        : String(headers.columns)
            .split(',')
            .map((name) => name.trim().replaceAll('`', '')),
    strict,
    partial: headers.partial_columns === 'true',
    // Before 3.1, strict mode alone decided.
    append: hasPolicy
      ? String(headers.partial_update_new_key_behavior ?? 'APPEND').toUpperCase() === 'APPEND'
      : !strict,
    timezone: String(headers.timezone ?? 'Asia/Shanghai'),
  };
}

/** Commits or aborts a transaction of two phases. */
function secondPhase(cluster: Cluster, { headers }: IncomingMessage): unknown {
  const { transactions } = cluster;
  if (!cluster.allows(headers.authorization)) return { status: 'Fail', msg: 'no valid Basic authorization' };
  const transaction =
    headers.label === undefined ? transactions.byId(Number(headers.txn_id)) : transactions.find(String(headers.label));
  if (transaction === undefined)
    return { status: 'Fail', msg: `errCode = 2, detailMessage = transaction [${headers.txn_id}] not found` };
  if (transaction.state !== 'PRECOMMITTED')
    return {
      status: 'Fail',
      msg: `errCode = 2, detailMessage = transaction [${transaction.id}] is already ${transaction.state}, not pre-committed.`,
    };
  if (headers.txn_operation === 'commit') {
    transactions.publish(transaction);
    return { status: 'Success', msg: `transaction [${transaction.id}] commit successfully.` };
  }
  transactions.abort(transaction);
  return { status: 'Success', msg: `transaction [${transaction.id}] abort successfully.` };
}
