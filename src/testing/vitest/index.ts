/**
 * The parts of the harness that need vitest.
 *
 * @module wado-consumer/testing/vitest
 */
export type { ContractGroup, KillableServer, ReadRows, StoredRow, TableName } from '../sink-contract.ts';
export {
  type ExpectedStudy,
  type HasCommitted,
  type HasDeadLetters,
  type HasRows,
  type MatcherResult,
  matchers,
} from './matchers.ts';
export {
  describeSinkContract,
  itKeepsTheSinkContract,
  type Outage,
  type ServerAddress,
  type SinkContractOptions,
} from './sink-contract.ts';
export { stackTest } from './stack-test.ts';
