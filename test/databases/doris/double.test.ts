import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateDoris } from '../../../src/databases/doris/migrate.ts';
import { type DorisDouble, startDorisDouble } from '../../support/doris/double.ts';

let double: DorisDouble;
beforeAll(async () => {
  double = await startDorisDouble();
  await migrateDoris(double.dsn());
});
afterAll(() => double.close());

const STREAM_LOAD = '/api/dicom/dicom_object_meta/_stream_load';
const ROW = JSON.stringify({
  trace_id: 't',
  worker_node_id: 'w',
  tenant_id: 't',
  patient_id: 'p',
  created_time: '2026-01-01T00:00:00',
});

/** Sends a request byte for byte and resolves to the answer's text, without an interim 100 Continue. */
function send(server: string, head: readonly string[], body = ''): Promise<string> {
  const [host = '', port = ''] = server.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let answer = '';
    socket.setEncoding('utf8').on('error', reject);
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '')));
    const login = Buffer.from(`${double.cluster.user}:${double.cluster.password}`).toString('base64');
    const lines = [...head, `Host: ${server}`, `Authorization: Basic ${login}`, 'Connection: close'];
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  });
}

/** The object in an answer, which may be chunked. */
const json = (answer: string) => JSON.parse(/\r\n\r\n[^{]*({[\s\S]*})/.exec(answer)?.[1] ?? '');
const toFrontend = (...head: readonly string[]) => send(double.frontends[0] ?? '', head);
const load = (label: string, ...more: readonly string[]) =>
  send(
    double.backends[0] ?? '',
    [
      `PUT ${STREAM_LOAD} HTTP/1.1`,
      `label: ${label}`,
      'format: json',
      'read_json_by_line: true',
      `Content-Length: ${ROW.length}`,
      ...more,
    ],
    ROW,
  );

describe('the Doris double, as Doris documents its answers', () => {
  it('refuses a load without Expect as an FE does, with lower-case names', async () => {
    const answer = json(await toFrontend(`PUT ${STREAM_LOAD} HTTP/1.1`, 'Content-Length: 0'));
    expect(answer).toEqual({ status: 'FAILED', msg: 'There is no 100-continue header' });
  });

  it('redirects a load with user and password in the location', async () => {
    const answer = await toFrontend(`PUT ${STREAM_LOAD} HTTP/1.1`, 'Expect: 100-continue', 'Content-Length: 2');
    expect(answer).toMatch(/^HTTP\/1.1 307 /);
    expect(answer).toContain(`location: http://wado:p%40ss%3Aword@${double.backends[0]}${STREAM_LOAD}\r\n`);
  });

  it('refuses a body whose length is given in no way, or in two', async () => {
    const head = [`PUT ${STREAM_LOAD} HTTP/1.1`, 'format: json', 'Expect: 100-continue'];
    const neither = json(await send(double.backends[0] ?? '', head));
    expect(neither).toMatchObject({ Status: 'Fail', Message: expect.stringContaining('content_length is empty') });
    const both = await send(
      double.backends[0] ?? '',
      [...head, 'Content-Length: 2', 'Transfer-Encoding: chunked'],
      '0\r\n\r\n',
    );
    expect(both).not.toContain('Success');
    const chunked = [
      `PUT ${STREAM_LOAD} HTTP/1.1`,
      'format: json',
      'read_json_by_line: true',
      'Transfer-Encoding: chunked',
    ];
    const sent = await send(double.backends[0] ?? '', chunked, `${ROW.length.toString(16)}\r\n${ROW}\r\n0\r\n\r\n`);
    expect(json(sent).Status).toBe('Success');
  });

  it('stores a label once, and tells which transaction has used it', async () => {
    const first = json(await load('once'));
    expect(first).toMatchObject({ Status: 'Success', Label: 'once', NumberLoadedRows: 1 });
    expect(json(await load('once'))).toMatchObject({
      Status: 'Label Already Exists',
      ExistingJobStatus: 'FINISHED',
      Message: `errCode = 2, detailMessage = Label [once] has already been used, relate to txn [${first.TxnId}]`,
    });
    expect(json(await toFrontend('GET /api/dicom/get_load_state?label=once HTTP/1.1')).data).toBe('VISIBLE');
    expect(json(await toFrontend('GET /api/dicom/get_load_state?label=never HTTP/1.1')).data).toBe('UNKNOWN');
  });

  it('commits a load of two phases on request, once', async () => {
    const rows = () => double.rows('dicom_object_meta').length;
    double.cluster.tables.get('dicom_object_meta')?.truncate();
    const { TxnId } = json(await load('two', 'two_phase_commit: true'));
    expect(rows()).toBe(0);
    expect(json(await toFrontend('GET /api/dicom/get_load_state?label=two HTTP/1.1')).data).toBe('PRECOMMITTED');
    const commit = async () =>
      json(
        await send(double.backends[0] ?? '', [
          'PUT /api/dicom/_stream_load_2pc HTTP/1.1',
          `txn_id: ${TxnId}`,
          'txn_operation: commit',
        ]),
      );
    expect((await commit()).status).toBe('Success');
    expect(rows()).toBe(1);
    expect((await commit()).msg).toBe(
      `errCode = 2, detailMessage = transaction [${TxnId}] is already VISIBLE, not pre-committed.`,
    );
  });

  it('lists BEs and columns', async () => {
    const { data } = json(await toFrontend('GET /api/backends?is_alive=true HTTP/1.1'));
    expect(data.backends.map((each: { ip: string; http_port: number }) => `${each.ip}:${each.http_port}`)).toEqual(
      double.backends,
    );
    const schema = json(await toFrontend('GET /api/dicom/dicom_state_meta/_schema HTTP/1.1')).data;
    expect(schema).toMatchObject({ keysType: 'UNIQUE_KEYS', status: 200 });
    expect(schema.properties[0]).toMatchObject({ name: 'tenant_id', type: 'VARCHAR' });
  });

  it('stores null for a bad value unless the mode is strict, so that strict mode is worth asking for', async () => {
    const bad = ROW.replace('"p"', '"p","file_size":"many"');
    const send2 = (label: string, strict: string) =>
      send(
        double.backends[0] ?? '',
        [
          `PUT ${STREAM_LOAD} HTTP/1.1`,
          `label: ${label}`,
          'format: json',
          'read_json_by_line: true',
          `strict_mode: ${strict}`,
          `Content-Length: ${bad.length}`,
        ],
        bad,
      );
    expect(json(await send2('lenient', 'false')).Status).toBe('Success');
    expect(json(await send2('strict', 'true'))).toMatchObject({ Status: 'Fail', NumberFilteredRows: 1 });
  });
});
