import { describe, expect, it } from 'vitest';
import { ROW_FIELDS } from '../../src/databases/table-rules.ts';
import { recordOf } from '../../src/testing/sink-contract-batches.ts';

describe('recordOf', () => {
  it.each(['object', 'state', 'image'] as const)(
    'writes the fields of the %s row in the order of the service',
    (kind) => {
      expect(Object.keys(JSON.parse(String(recordOf({})[kind]?.json)))).toEqual(ROW_FIELDS[kind]);
    },
  );
});
