import { describe, it } from 'vitest';
import { sinkContract } from '../../../src/testing/sink-contract.ts';
import { openDorisUnderTest } from '../../support/doris/under-test.ts';

describe('the Doris sink', () => {
  for (const { title, run } of sinkContract(() => openDorisUnderTest())) it(title, run);
});
