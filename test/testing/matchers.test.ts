import { describe, expect, it } from 'vitest';
import { ERROR_HEADERS } from '../../src/dead-letters/format.ts';
import { matchers } from '../../src/testing/vitest/index.ts';

expect.extend(matchers);

const rows = [
  { study_uid: '1.2', series_uid: '1.2.1' },
  { study_uid: '1.2', series_uid: '1.2.2' },
  { study_uid: '1.3', series_uid: '1.3.1' },
];
const tables = { rows: async () => rows };

describe('toHaveStudy', () => {
  it('passes where the tables hold the study, in the size that is asked for', async () => {
    await expect(tables).toHaveStudy({ studyInstanceUid: '1.2' });
    await expect(tables).toHaveStudy({ studyInstanceUid: '1.2', series: 2, instances: 2 });
  });

  it('fails for a study that is missing or has another size, and says what was found', async () => {
    await expect(tables).not.toHaveStudy({ studyInstanceUid: '1' });
    await expect(tables).not.toHaveStudy({ studyInstanceUid: '1.2', instances: 3 });
    const wrong = expect(tables).toHaveStudy({ studyInstanceUid: '1.2', series: 1 });
    await expect(wrong).rejects.toThrow(
      'expected the tables to have 1 series and any number of instances of study 1.2, and they have 2 series and 2 instances',
    );
  });
});

describe('toBeDeadLettered', () => {
  const letter = {
    topic: 'dlq',
    partition: 0,
    offset: 0,
    timestamp: 0,
    key: Buffer.from('k1'),
    value: null,
    headers: [
      [ERROR_HEADERS.exception, Buffer.from('ParseError')],
      [ERROR_HEADERS.code, Buffer.from('not_json')],
    ] as const,
  };
  const topic = { read: async () => [letter] };

  it('passes for a record in the dead-letter topic, with its code', async () => {
    await expect('k1').toBeDeadLettered(topic);
    await expect({ key: 'k1' }).toBeDeadLettered(topic, 'not_json');
  });

  it('fails for another record or another code', async () => {
    await expect('k2').not.toBeDeadLettered(topic);
    await expect('k1').not.toBeDeadLettered(topic, 'file_missing');
    await expect(expect('k1').toBeDeadLettered(topic, 'file_missing')).rejects.toThrow(
      'codes of its dead letters: not_json',
    );
  });
});

describe('toBeCommittedTo', () => {
  it('compares the number of records that are committed', async () => {
    const group = { committed: async () => 7 };
    await expect(group).toBeCommittedTo(7);
    await expect(group).not.toBeCommittedTo(8);
    await expect(expect(group).toBeCommittedTo(8)).rejects.toThrow('expected 8 records to be committed, not 7');
  });
});
