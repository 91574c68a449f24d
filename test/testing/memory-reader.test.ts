import { describe, expect, it } from 'vitest';
import type { HeaderRow } from '../../src/ports.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../src/records/output-fields.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';

const file = (path: string) => ({
  tenantId: 'tenant1',
  path,
  size: 1_234,
  patientId: 'P1',
  studyDate: '2025-01-01',
  version: { time: '2025-01-01T00:00:00.000000', traceId: 't1' },
});

const parsed = ([row]: readonly HeaderRow[]): Record<string, unknown> => JSON.parse(String(row?.json));

describe('the reader in memory', () => {
  it('fills every field of the output records, in their order', async () => {
    const { states, images } = await createMemoryReader().read([file('/s/1.2/1.2.3/1.2.3.4')]);
    expect(Object.keys(parsed(states))).toEqual([...STATE_META_FIELDS]);
    expect(Object.keys(parsed(images))).toEqual([...IMAGE_META_FIELDS]);
    expect(parsed(images)).toMatchObject({ series_uid: '1.2.3', sop_uid: '1.2.3.4', space_size: 1_234 });
  });

  it('reads the attributes that the test names', async () => {
    const reader = createMemoryReader({
      header: ({ path }) => ({
        state: { modality: path.includes('/mr/') ? 'MR' : 'US' },
        image: { instance_number: 7 },
      }),
    });
    const { states, images } = await reader.read([file('/1.2/mr/1')]);
    expect([parsed(states).modality, parsed(images).instance_number]).toEqual(['MR', 7]);
    expect(parsed((await reader.read([file('/1.2/us/1')])).states).modality).toBe('US');
  });
});
