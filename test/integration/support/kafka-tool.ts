import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Sets a configuration of a broker's entity by Kafka's own ConfigCommand: what the client's admin API does not offer. */
export async function alterConfig(
  brokers: string,
  entity: { readonly type: 'clients' | 'topics'; readonly name: string },
  config: string,
): Promise<void> {
  const { type, name } = entity;
  const what = ['--entity-type', type, '--entity-name', name, '--alter', '--add-config', config];
  await kafkaTool('kafka.admin.ConfigCommand', brokers, what);
}

/** What Kafka's own tool prints, e.g. `org.apache.kafka.tools.consumer.group.ConsumerGroupCommand`. */
export async function kafkaTool(name: string, brokers: string, args: readonly string[]): Promise<string> {
  const command = ['tool', name, '--bootstrap-server', brokers, ...args];
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  return (await run('scripts/services.sh', command, { env })).stdout;
}
