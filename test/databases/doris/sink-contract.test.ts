import { describe } from 'vitest';
import { openDorisUnderTest } from '../../support/doris/under-test.ts';
import { itKeepsTheSinkContract } from '../../support/sink-contract.ts';

describe('the Doris sink', () => {
  itKeepsTheSinkContract(() => openDorisUnderTest(), ['storing', 'order', 'limits', 'refusals']);
});
