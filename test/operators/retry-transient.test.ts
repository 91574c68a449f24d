import { defer, lastValueFrom, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SinkError, type SinkErrorCode } from '../../src/errors.ts';
import { isTransient, retryTransient } from '../../src/operators/retry-transient.ts';

function policy() {
  const events: string[] = [];
  return {
    events,
    initialDelayMs: 0,
    maxDelayMs: 0,
    onRetry: ({ sink, attempt }: { sink: string; attempt: number }) => events.push(`${sink} retry ${attempt}`),
    onRecovered: (sink: string) => events.push(`${sink} recovered`),
  };
}

/** A call that fails with these errors, one each attempt, and then succeeds. */
function call(...errors: readonly unknown[]) {
  const left = [...errors];
  return defer(() => (left.length > 0 ? throwError(() => left.shift()) : of('stored')));
}

const unavailable = () => new SinkError('db', 'unavailable', 'ECONNREFUSED');

describe('retryTransient', () => {
  it('retries transient failures and reports the recovery once', async () => {
    const options = policy();
    expect(await lastValueFrom(call(unavailable(), unavailable()).pipe(retryTransient('db', options)))).toBe('stored');
    expect(options.events).toEqual(['db retry 1', 'db retry 2', 'db recovered']);
  });

  it('reports nothing of a call that succeeds at once', async () => {
    const options = policy();
    await lastValueFrom(call().pipe(retryTransient('db', options)));
    expect(options.events).toEqual([]);
  });

  it('passes a failure on that no retry can cure, after a transient one too', async () => {
    const options = policy();
    const bug = new TypeError('a bug');
    await expect(lastValueFrom(call(unavailable(), bug).pipe(retryTransient('db', options)))).rejects.toBe(bug);
    expect(options.events).toEqual(['db retry 1']);
  });
});

describe('a failure', () => {
  it.each<[SinkErrorCode, boolean]>([
    ['unavailable', true],
    ['timeout', true],
    ['conflict', true],
    ['rejected', false],
    ['misconfigured', false],
    ['unknown', false],
  ])('of code %s is transient: %s', (code, transient) => {
    expect(isTransient(new SinkError('db', code, 'X'))).toBe(transient);
  });

  it('that is not a SinkError is not transient, because it is not classified', () => {
    expect(isTransient(new Error('unavailable'))).toBe(false);
  });
});
