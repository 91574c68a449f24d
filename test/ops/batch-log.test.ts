import { describe, expect, it } from 'vitest';
import { createBatchLog } from '../../src/ops/batch-log.ts';
import { createLogger } from '../../src/ops/logger.ts';
import type { AcknowledgedBatch } from '../../src/records/records.ts';

function start(level: 'INFO' | 'DEBUG' = 'DEBUG') {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  let now = 0;
  const logger = createLogger({ level: level.toLowerCase() as never, destination: { write } });
  return {
    log: createBatchLog(logger, () => now),
    lines: (msg: string) => lines.filter((line) => line.msg === msg),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

const batch = (fields: Partial<AcknowledgedBatch> = {}): AcknowledgedBatch => ({
  ranges: [{ topic: 't', partition: 3, first: 10, last: 12, records: 3 }],
  records: 3,
  states: 1,
  images: 3,
  deadLetters: 0,
  deadLetterCodes: {},
  durationMs: 12.345,
  ...fields,
});
const at = (partition: number, offset: number) => ({ topic: 't', partition, offset });

describe('the log line of a batch', () => {
  it('reports acknowledged records, and no commit before the first one', () => {
    const { log, lines } = start();
    log.acknowledged(batch());
    expect(lines('batch acknowledged')).toMatchObject([
      { level: 'info', partitions: [{ partition: 3, first: 10, last: 12 }], records: 3, dead_letters: 0, ms: 12.3 },
    ]);
    expect(lines('batch acknowledged')[0]).not.toHaveProperty('committed');
  });

  it('shows once the last offset of each partition committed since the previous line', () => {
    const { log, lines } = start('INFO');
    log.committed([at(0, 5), at(1, 7)]);
    log.committed([at(0, 9)]);
    log.acknowledged(batch());
    log.acknowledged(batch());
    expect(lines('batch acknowledged').map(({ committed }) => committed)).toEqual([[at(0, 9), at(1, 7)], undefined]);
    expect(lines('offsets committed')).toEqual([]);
  });

  it('is joined by a warning with the counts by code when records were dead-lettered', () => {
    const { log, lines } = start('INFO');
    log.acknowledged(batch());
    log.acknowledged(batch({ deadLetters: 3, deadLetterCodes: { not_json: 2, file_missing: 1 } }));
    expect(lines('records dead-lettered')).toMatchObject([
      { level: 'warn', dead_letters: 3, codes: { not_json: 2, file_missing: 1 } },
    ]);
  });
});

describe('the log line of a commit', () => {
  it('shows the committed offset of each partition at DEBUG', () => {
    const { log, lines } = start();
    log.committed([at(0, 5), at(1, 7)]);
    expect(lines('offsets committed')).toMatchObject([{ level: 'debug', offsets: [at(0, 5), at(1, 7)] }]);
  });
});

describe('records that wait for their files', () => {
  const BEGIN = 'records are waiting for their files';
  const END = 'no records are waiting for their files';

  it('are logged when the first begins to wait and when the last has stopped', () => {
    const { log, lines, pass } = start();
    log.waiting(2);
    log.waiting(1);
    pass(4_000);
    log.waiting(-2);
    expect(lines(END)).toEqual([]);
    log.waiting(-1);
    expect(lines(BEGIN)).toMatchObject([{ level: 'info', waiting: 2 }]);
    expect(lines(END)).toMatchObject([{ level: 'info', ms: 4_000 }]);
  });

  it('are logged again for a long wait, but not for each of many short ones', () => {
    const { log, lines, pass } = start();
    for (let i = 0; i < 10; i++) {
      log.waiting(1);
      pass(100);
      log.waiting(-1);
    }
    expect(lines(BEGIN)).toHaveLength(1);
    expect(lines(END)).toHaveLength(1);
    log.waiting(1);
    pass(40_000);
    log.waiting(1);
    expect(lines(BEGIN)).toHaveLength(2);
  });
});
