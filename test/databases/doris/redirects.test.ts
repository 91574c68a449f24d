import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createDorisSink, type DorisSinkOptions } from '../../../src/databases/doris/sink.ts';
import type { Sink } from '../../../src/ports.ts';
import { batchOf } from '../../../src/testing/sink-contract-batches.ts';
import { type DorisDouble, type DorisDoubleOptions, startDorisDouble } from '../../support/doris/double.ts';

interface Given extends Partial<DorisSinkOptions> {
  readonly cluster?: DorisDoubleOptions;
  readonly parameters?: (double: DorisDouble) => string;
  readonly dsnOf?: (dsn: string) => string;
}

async function withSink(given: Given, body: (sink: Sink, double: DorisDouble) => Promise<void>): Promise<void> {
  const { cluster, parameters, dsnOf = (dsn) => dsn, ...options } = given;
  const double = await startDorisDouble(cluster);
  const dsn = () => dsnOf(double.dsn(parameters?.(double)));
  const sink = createDorisSink({ name: 'doris', dsn, migrate: true, loadPeriodMs: 1, ...options });
  try {
    await sink.connect();
    await body(sink, double);
  } finally {
    await sink.close();
    await double.close();
  }
}

const record = (n: number) => batchOf([{ trace_id: String(n).padStart(36, '0'), sop_uid: `1.${n}` }]);
const images = (double: DorisDouble) => double.rows('dicom_image_meta').length;
const portOf = (name = '') => Number(name.split(':')[1]);

/** A server that nobody named, which counts the requests and the passwords that reach it. */
async function withForeignServer(body: (port: number, seen: { requests: number; passwords: number }) => Promise<void>) {
  const seen = { requests: 0, passwords: 0 };
  const server = createServer((request, response) => {
    seen.requests++;
    if (request.headers.authorization !== undefined) seen.passwords++;
    response.end('{"Status":"Success"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body((server.address() as AddressInfo).port, seen);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('the redirect of an FE', () => {
  it.each(['with_credentials', 'plain'] as const)(
    '%s is followed to a BE of the FE’s list, with the password of the DSN',
    (redirect) =>
      withSink({ cluster: { backends: 2 } }, async (sink, double) => {
        double.cluster.redirect = redirect;
        for (const n of [1, 2, 3]) expect(await sink.write(record(n))).toEqual([]);
        expect(images(double)).toBe(3);
        for (const name of double.backends) expect(double.cluster.credentialsSeenAt).toContain(portOf(name));
      }),
  );

  it('to a host that neither the DSN nor the FE’s list names is refused before anything is sent there', () =>
    withForeignServer((port, seen) =>
      withSink({}, async (sink, double) => {
        double.cluster.redirect = 'foreign_host';
        double.cluster.foreignPort = port;
        await expect(sink.write(record(1))).rejects.toMatchObject({
          code: 'unavailable',
          detail: expect.stringContaining('out of order: redirect:untrusted_host'),
        });
        expect(seen).toEqual({ requests: 0, passwords: 0 });
        double.cluster.redirect = 'plain';
        expect(await sink.write(record(1))).toEqual([]);
      }),
    ));

  it.each([
    ['other_scheme', 'redirect:scheme'],
    ['without_location', 'redirect:without_location'],
  ] as const)('%s is refused', (redirect, detail) =>
    withSink({}, async (sink, double) => {
      double.cluster.redirect = redirect;
      await expect(sink.write(record(1))).rejects.toThrow(detail);
      expect(images(double)).toBe(0);
    }),
  );

  it('must lead to one of the BEs of the DSN where it names any, even if the FE’s list has it', () =>
    withSink(
      { cluster: { backends: 2 }, parameters: ({ backends }) => `&redirect_policy=public&backends=${backends[0]}` },
      async (sink, double) => {
        const [, second] = double.cluster.backends;
        if (second !== undefined) second.alive = false;
        expect(await sink.write(record(1))).toEqual([]);
        const [load] = double.cluster.received;
        expect(load?.headers['redirect-policy']).toBe('public');
        if (second !== undefined) second.alive = true;
        const [first] = double.cluster.backends;
        if (first !== undefined) first.alive = false;
        await expect(sink.write(record(2))).rejects.toThrow('redirect:untrusted_host');
      },
    ));

  it('is not asked for where the DSN names BEs and no policy, so that no FE address needs to be reachable from there', () =>
    withSink(
      { cluster: { backends: 2 }, parameters: ({ backends }) => `&backends=${backends}` },
      async (sink, double) => {
        double.cluster.redirect = 'without_location';
        for (const n of [1, 2]) expect(await sink.write(record(n))).toEqual([]);
        expect(images(double)).toBe(2);
        for (const name of double.backends) expect(double.cluster.credentialsSeenAt).toContain(portOf(name));
      },
    ));
});

describe('an FE that is gone', () => {
  it('is replaced by the next one for loads and for the MySQL port', () =>
    withSink({ cluster: { frontends: 2 } }, async (sink, double) => {
      await double.stop(double.frontends[0] ?? '');
      expect(await sink.write(record(1))).toEqual([]);
      expect(images(double)).toBe(1);
    }));

  it('and accepts connections without an answer is waited for once, not for each load', () =>
    withSink(
      {
        cluster: { frontends: 2 },
        statementTimeoutMs: 300,
        connectTimeoutMs: 300,
      },
      async (sink, double) => {
        double.cluster.silentFrontend = portOf(double.frontends[0]);
        for (const n of [1, 2, 3]) expect(await sink.write(record(n))).toEqual([]);
        expect(double.cluster.silenced).toBe(1);
        // The other one has gone: the first one is asked again.
        double.cluster.silentFrontend = portOf(double.frontends[1]);
        expect(await sink.write(record(4))).toEqual([]);
        expect(images(double)).toBe(4);
      },
    ));

  it('makes writes wait, named with all the others, until one is back', () =>
    withSink({ cluster: { frontends: 2 } }, async (sink, double) => {
      const [first = '', second = ''] = double.frontends;
      await double.stop(first);
      await double.stop(second);
      await expect(sink.write(record(1))).rejects.toMatchObject({
        code: 'unavailable',
        detail: `ECONNREFUSED ${first}, ECONNREFUSED ${second}`,
      });
    }));
});

describe('a load', () => {
  it('says format, columns and strict mode, and its label fits Doris’s pattern', () =>
    withSink({}, async (sink, double) => {
      await sink.write(record(1));
      expect(double.cluster.received.map(({ table }) => table)).toEqual([
        'dicom_image_meta',
        'dicom_state_meta',
        'dicom_object_meta',
      ]);
      for (const { headers, label } of double.cluster.received) {
        expect(headers).toMatchObject({
          expect: '100-continue',
          format: 'json',
          read_json_by_line: 'true',
          strict_mode: 'true',
          max_filter_ratio: '0',
        });
        expect(label).toMatch(/^[-_A-Za-z0-9:]{1,128}$/);
      }
    }));

  it('is compressed on request, and a BE that refuses that is named as the setting at fault', () =>
    withSink({ gzip: true }, async (sink, double) => {
      expect(await sink.write(record(1))).toEqual([]);
      expect(double.cluster.received[0]?.headers.compress_type).toBe('gz');
      expect(images(double)).toBe(1);
      double.cluster.refusesCompressedJson = true;
      await expect(sink.write(record(2))).rejects.toThrow('gzip:not_supported, set gzip to false');
    }));

  it('holds all batches that arrive within its period, and acknowledges each of them', () =>
    withSink({ loadPeriodMs: 300 }, async (sink, double) => {
      const written = await Promise.all(Array.from({ length: 40 }, (_, n) => sink.write(record(n))));
      expect(written.flat()).toEqual([]);
      expect(images(double)).toBe(40);
      expect(double.cluster.received.map(({ rows }) => rows)).toEqual([40, 1, 40]);
    }));

  it('uses the password of the DSN as it is at that moment', () =>
    withSink({}, async (sink, double) => {
      expect(await sink.write(record(1))).toEqual([]);
      double.cluster.password = 'rotated';
      expect(await sink.write(record(2))).toEqual([]);
      expect(images(double)).toBe(2);
    }));

  it('with a wrong password waits for the right one', () => {
    let wrong = false;
    const dsnOf = (dsn: string) => (wrong ? dsn.replace(/:[^:@/]+@/, ':wrong@') : dsn);
    return withSink({ dsnOf }, async (sink, double) => {
      wrong = true;
      const refusal = { code: 'unavailable', detail: expect.stringMatching(/^login_refused/) };
      await expect(sink.connect()).rejects.toMatchObject(refusal);
      await expect(sink.write(record(1))).rejects.toMatchObject(refusal);
      wrong = false;
      expect(await sink.write(record(1))).toEqual([]);
      expect(images(double)).toBe(1);
    });
  });
});
