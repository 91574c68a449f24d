import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateDoris } from '../../../src/databases/doris/migrate.ts';
import { type DorisDouble, startDorisDouble } from '../../support/doris/double.ts';

describe('migrateDoris, on the double', () => {
  let double: DorisDouble;
  beforeAll(async () => {
    double = await startDorisDouble();
  });
  afterAll(() => double.close());

  it('makes a table again that somebody has dropped, and finds nothing to do otherwise', async () => {
    expect(await migrateDoris(double.dsn())).toHaveLength(1);
    expect(await migrateDoris(double.dsn())).toEqual([]);
    double.cluster.tables.delete('dicom_image_meta');
    expect(await migrateDoris(double.dsn(), { dryRun: true })).toHaveLength(1);
    expect(await migrateDoris(double.dsn())).toHaveLength(1);
    expect(double.cluster.tables.has('dicom_image_meta')).toBe(true);
    expect(await migrateDoris(double.dsn())).toEqual([]);
  });
});
