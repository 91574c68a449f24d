import { describe, expect, it } from 'vitest';
import { SinkError, type SinkErrorOptions } from '../../src/errors.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createOutageLog } from '../../src/ops/outage-log.ts';

function start() {
  const lines: Record<string, unknown>[] = [];
  let now = 0;
  const log = createOutageLog(
    createLogger({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } }),
    () => now,
  );
  const fail = (sink: string, options: SinkErrorOptions = {}, code: SinkError['code'] = 'unavailable') =>
    log.onRetry({ sink, error: new SinkError(sink, code, 'ECONNREFUSED', options), attempt: 1, delayMs: 57.4 });
  return {
    log,
    fail,
    messages: () => lines.map(({ level, msg }) => `${level} ${msg}`),
    lines,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

describe('the log of a sink’s outage', () => {
  it('names the operation, the server, the error and the delay before the retry', () => {
    const { fail, messages, lines } = start();
    fail('postgres', { operation: 'connect', address: '127.0.0.1:5432' });
    fail('state_topic');
    expect(messages()).toEqual([
      'warn connecting to postgres failed (ECONNREFUSED 127.0.0.1:5432), retry in 57 ms',
      'warn writing to state_topic failed (ECONNREFUSED), retry in 57 ms',
    ]);
    expect(lines[0]).toMatchObject({
      sink: 'postgres',
      err: { code: 'unavailable', context: { operation: 'connect', address: '127.0.0.1:5432' } },
    });
  });

  it('repeats itself every half minute however many calls fail', () => {
    const { fail, messages, pass } = start();
    for (let second = 0; second < 65; second++) {
      fail('postgres');
      pass(1_000);
    }
    expect(messages()).toHaveLength(3);
  });

  it('ends with how long it lasted and the number of attempts, once for all calls that had failed', () => {
    const { log, fail, messages, pass } = start();
    for (let i = 0; i < 3; i++) fail('postgres');
    pass(38_000);
    log.onRecovered('postgres');
    log.onRecovered('postgres');
    expect(messages().slice(1)).toEqual(['info postgres connected again after 38 s, 3 attempts']);
  });

  it('counts the next outage from its own beginning', () => {
    const { log, fail, messages, pass } = start();
    fail('postgres');
    pass(38_000);
    log.onRecovered('postgres');
    pass(1_000);
    fail('postgres');
    pass(400);
    log.onRecovered('postgres');
    expect(messages().at(-1)).toBe('info postgres connected again after 0.4 s, 1 attempt');
    expect(messages()).toHaveLength(4);
  });

  it('does not count a conflict as an outage, since the database answers', () => {
    const { log, fail, messages } = start();
    fail('postgres', {}, 'conflict');
    fail('postgres', {}, 'conflict');
    log.onRecovered('postgres');
    expect(messages()).toEqual(['warn writing to postgres failed (ECONNREFUSED), retry in 57 ms']);
  });
});
