import { describe } from 'vitest';
import { itKeepsTheSinkContract } from '../../../src/testing/vitest/sink-contract.ts';
import { openDorisBehindProxy, openDorisUnderTest } from '../../support/doris/under-test.ts';

describe('the Doris sink', () => {
  itKeepsTheSinkContract(() => openDorisUnderTest(), ['storing', 'order', 'limits', 'refusals']);
  itKeepsTheSinkContract(openDorisBehindProxy, ['network']);
});
