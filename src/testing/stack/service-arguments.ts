import { isMysql } from '../fresh-database.ts';
import type { BrokerServer } from './server.ts';

const INPUT = 'input.redpanda';
const DATABASE = 'output.reject_errored.broker.outputs.0';

/** The arguments of `wado-consumer run`: shorter times than in operation, the driver of the database, then those of the test. */
export function serviceArguments(
  { broker }: { readonly broker: BrokerServer },
  args: readonly string[],
  dsn: string,
): readonly string[] {
  const settings = [
    `${INPUT}.unordered_processing.batching.period=100ms`,
    `${INPUT}.commit_period=100ms`,
    // The mock cluster answers an empty fetch only after this time.
    ...(broker.how === 'embedded' ? [`${INPUT}.fetch_max_wait=10ms`] : []),
    ...(isMysql(dsn) ? [`${DATABASE}.label=mysql`, `${DATABASE}.dicom_store.driver=mysql`] : []),
  ];
  return [...settings.flatMap((setting) => ['--set', setting]), ...args];
}
