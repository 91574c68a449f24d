/** A second Kafka broker in the cluster of the first one, so that partitions can move between two brokers. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../../src/testing/free-port.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/services.sh', import.meta.url));
/** The folder of the jars and the cluster id, as in scripts/services/kafka.sh. */
const CACHE =
  process.env.WADO_CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wado-consumer');
const CLASSES = `${CACHE}/kafka-4.1.0/*`;
const CLUSTER = 'MkU3OEVBNTcwNTJENDM2Qk';
const run = promisify(execFile);

export class SecondBroker {
  readonly #folder: string;
  readonly #brokers: string;
  readonly #process: ChildProcess;

  /** `brokers`: the first broker, whose controller listens on the next port. */
  static async start(brokers: string): Promise<SecondBroker> {
    const first = Number(brokers.split(':').at(-1));
    const port = await freePort();
    const folder = mkdtempSync('/var/tmp/wado-second-broker-');
    const properties = join(folder, 'server.properties');
    writeFileSync(
      properties,
      [
        'process.roles=broker',
        'node.id=2',
        `controller.quorum.voters=1@127.0.0.1:${first + 1}`,
        `listeners=PLAINTEXT://127.0.0.1:${port}`,
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name=PLAINTEXT',
        'controller.listener.names=CONTROLLER',
        `log.dirs=${join(folder, 'logs')}`,
        'log.message.timestamp.type=LogAppendTime',
      ].join('\n'),
    );
    await run('java', ['-cp', CLASSES, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER, '-c', properties]);
    const log = join(folder, 'server.log');
    const out = openSync(log, 'a');
    const java = spawn(
      'java',
      ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-cp', CLASSES, 'kafka.Kafka', properties],
      {
        stdio: ['ignore', out, out],
      },
    );
    const broker = new SecondBroker(folder, brokers, java);
    for (let tries = 0; !readFileSync(log, 'utf8').includes('Kafka Server started'); tries++) {
      if (tries === 600 || java.exitCode !== null) throw new Error(`the second broker didn't start; see ${log}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return broker;
  }

  private constructor(folder: string, brokers: string, process: ChildProcess) {
    this.#folder = folder;
    this.#brokers = brokers;
    this.#process = process;
  }

  /** Reassigns the topics' partitions to these brokers, the leader first. Resolves when they have moved and the leader is elected. */
  async move(topics: Readonly<Record<string, number>>, replicas: readonly number[]): Promise<void> {
    const partitions = Object.entries(topics).flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition, replicas })),
    );
    const plan = join(this.#folder, `plan-${replicas.join('-')}.json`);
    writeFileSync(plan, JSON.stringify({ version: 1, partitions }));
    const reassign = (...args: string[]) =>
      this.#tool('reassign.ReassignPartitionsCommand', '--reassignment-json-file', plan, ...args);
    await reassign('--execute');
    for (let tries = 0; /in progress/.test(await reassign('--verify', '--preserve-throttles')); tries++)
      if (tries === 30) throw new Error('the partitions did not move in time');
    const election = join(this.#folder, 'election.json');
    writeFileSync(
      election,
      JSON.stringify({ partitions: partitions.map(({ topic, partition }) => ({ topic, partition })) }),
    );
    await this.#tool('LeaderElectionCommand', '--election-type', 'preferred', '--path-to-json-file', election);
  }

  async #tool(name: string, ...args: string[]): Promise<string> {
    const command = [SCRIPT, 'tool', `org.apache.kafka.tools.${name}`, '--bootstrap-server', this.#brokers, ...args];
    return (await run('bash', command, { timeout: 120_000 })).stdout;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
