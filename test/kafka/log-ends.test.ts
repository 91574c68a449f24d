import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/kafka/client/client.ts';
import { requireOffsets } from '../../src/kafka/client/log-ends.ts';

describe('the first and end offsets of a log', () => {
  it('are taken as the broker names them, 0 included', () => {
    const listed = [{ offset: 0 }, { offset: 7 }];
    expect(requireOffsets(listed)).toEqual(listed);
  });

  it('are unavailable where the broker answers with an error or with none', () => {
    const failed = { offset: -1001, error: Object.assign(new Error(), { code: ERRORS.ERR_LEADER_NOT_AVAILABLE }) };
    expect(() => requireOffsets([{ offset: 7 }, failed])).toThrow('ERR_LEADER_NOT_AVAILABLE');
    expect(() => requireOffsets([{ offset: 7 }, { offset: -1001 }])).toThrow('ERR_OFFSET_NOT_AVAILABLE');
  });
});
