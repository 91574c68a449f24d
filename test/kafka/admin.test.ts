import { afterAll, describe, expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';

const TIMEOUT_MS = 300;

describe('an admin client without a broker', () => {
  // Nothing listens on port 1.
  const admin = createAdmin({ 'bootstrap.servers': '127.0.0.1:1' }, TIMEOUT_MS);
  afterAll(() => admin.close());

  it.each([
    ['whether a group has members', () => admin.isActive('group')],
    ['the partitions of a topic', () => admin.partitions('topic')],
    ['the committed offsets of a group', () => admin.committedOffsets('group', 'topic')],
  ])('rejects when it is asked for %s', async (_, query) => {
    await expect(query()).rejects.toMatchObject({ name: 'SourceError', code: 'unavailable' });
  });
});
