import { describe, expect, it } from 'vitest';
import { listing } from '../../src/cli/dlq/list.ts';

describe('the table of dlq list', () => {
  const summary = {
    at: '0:1',
    time: '2026-01-31T12:00:00.123Z',
    code: 'invalid_field',
    exception: 'ParseError',
    message: 'study_uid: missing; '.repeat(20),
    trace_id: '0199e6ae-8148-7e73-8d6c-c435bf126fe4',
    from: 'storage_queue/0:7',
    redrives: 0,
  };

  it('is cut to the width of the terminal, and keeps code and trace id within 80 columns', () => {
    const lines = listing([summary], 80).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(80);
    expect(lines[2]).toContain(`invalid_field  ${summary.trace_id}`);
    expect(lines[2]?.endsWith('…')).toBe(true);
  });

  it('is not cut where the output is no terminal', () => {
    expect(listing([summary], undefined)).toContain(summary.message.trim());
  });
});
