/** wado-consumer/testing/vitest: the parts of the harness that need vitest. */
export type { ContractGroup, KillableServer, ReadRows, StoredRow, TableName } from '../sink-contract.ts';
export { type ExpectedStudy, type HasCommitted, type HasDeadLetters, type HasRows, matchers } from './matchers.ts';
export {
  describeSinkContract,
  itKeepsTheSinkContract,
  type Outage,
  type ServerAddress,
  type SinkContractOptions,
} from './sink-contract.ts';
export { stackTest } from './stack-test.ts';
