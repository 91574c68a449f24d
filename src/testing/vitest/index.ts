/** wado-consumer/testing/vitest: the parts of the harness that need vitest. */
export type { ContractGroup, KillableServer, ReadRows, StoredRow, TableName } from '../sink-contract.ts';
export {
  describeSinkContract,
  itKeepsTheSinkContract,
  type Outage,
  type ServerAddress,
  type SinkContractOptions,
} from './sink-contract.ts';
