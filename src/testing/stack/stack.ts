import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readTopic, type TopicRecord } from '../../kafka/admin/read-topic.ts';
import { createProducer } from '../../kafka/producer/producer.ts';
import type { GeneratedRecord, GeneratedStudy } from '../../samples/studies.ts';
import { Pipeline } from '../pipeline.ts';
import { readRows } from '../read-rows.ts';
import type { ServiceProcess } from '../service-process.ts';
import type { StoredRow, TableName } from '../sink-contract/rows.ts';
import { until } from '../until.ts';
import type { AdvertisedAddress } from './advertised-port.ts';
import { FaultyServer } from './faults.ts';
import { type Lines, openLines } from './lines.ts';
import type { StackOptions } from './options.ts';
import type { Leftovers, Reaper } from './reaper.ts';
import { type BrokerServer, type DatabaseServer, StackError } from './server.ts';
import { serviceArguments } from './service-arguments.ts';

/** What a fault verb acts on. */
export type Part = 'broker' | 'database' | 'service';
/** The connections of the service and of the code under test to a server. */
export type Line = 'broker' | 'database';

/** The topics of a stack. */
export type TopicName = 'input' | 'state' | 'image' | 'deadLetter';

interface Servers {
  readonly broker: BrokerServer;
  readonly database: DatabaseServer;
  readonly reaper: Reaper;
  readonly advertised: AdvertisedAddress;
}

const READY_MS = 60_000;
const LOG_LINES = 40;

/** A running broker, database and service. Created by `startStack`. */
export class Stack {
  readonly #servers: Servers;
  readonly #options: StackOptions;
  readonly #lines: Lines;
  readonly #parts: Readonly<Record<Line, FaultyServer>>;
  #pipeline: Pipeline;
  #service: ServiceProcess | undefined;

  static async start(servers: Servers, options: StackOptions): Promise<Stack> {
    const lines = await openLines(servers.broker, servers.database, servers.advertised);
    let pipeline: Pipeline | undefined;
    try {
      pipeline = await newPipeline(servers, options, lines);
      const stack = new Stack(servers, options, lines, pipeline);
      await stack.#startService();
      return stack;
    } catch (error) {
      await Promise.allSettled([pipeline?.[Symbol.asyncDispose]()]);
      await lines.close();
      throw error;
    }
  }

  private constructor(servers: Servers, options: StackOptions, lines: Lines, pipeline: Pipeline) {
    this.#servers = servers;
    this.#options = options;
    this.#lines = lines;
    this.#pipeline = pipeline;
    this.#parts = {
      broker: new FaultyServer(servers.broker, lines.broker),
      database: new FaultyServer(servers.database, lines.database),
    };
  }

  /** `host:port` for the code under test. It stays the same for the life of the stack, and every fault of the broker affects it. */
  get brokers(): string {
    return `127.0.0.1:${this.#lines.broker.port}`;
  }

  /** The DSN for the code under test, as `brokers`. `reset` changes its database, but not its port. */
  get dsn(): string {
    const { host, port } = { host: '127.0.0.1', port: this.#lines.database.port };
    return withPath(this.#servers.database.dsn({ host, port }), new URL(this.#pipeline.dsn).pathname);
  }

  /** The names of the topics. Each `reset` makes new ones. */
  get topics(): Readonly<Record<TopicName, string>> {
    return this.#pipeline.topics;
  }

  /** The consumer group of the service. */
  get group(): string {
    return this.#pipeline.group;
  }

  /** The folder of the DICOM files, the service's only storage root. */
  get store(): string {
    return this.#pipeline.store;
  }

  /** How broker and database were started: `{ broker: 'embedded', database: 'container postgres:17' }`. */
  get how(): Readonly<Record<Line, string>> {
    return { broker: this.#servers.broker.how, database: this.#servers.database.how };
  }

  /** What runs and lies around for this stack, and ends with the test process even if that is killed. */
  get leftovers(): Leftovers {
    return this.#servers.reaper.leftovers;
  }

  /** Writes the files of studies, then publishes their records. Resolves when the broker has them. */
  async publish(...studies: readonly Pick<GeneratedStudy, 'records'>[]): Promise<void> {
    const records = studies.flatMap((study) => study.records);
    await writeFiles(records);
    await this.#send(records);
  }

  /** Publishes the records of studies without their files. The function that it resolves to writes the files. */
  async lateFiles(...studies: readonly Pick<GeneratedStudy, 'records'>[]): Promise<() => Promise<void>> {
    const records = studies.flatMap((study) => study.records);
    await this.#send(records);
    return () => writeFiles(records);
  }

  /** All rows of a table, read past the fault line: by the names of docs/tables.md, dates and times as text. */
  rows(table: TableName): Promise<readonly StoredRow[]> {
    return readRows(this.#pipeline.dsn, table);
  }

  /** All records of a topic so far, read past the fault line. */
  async read(topic: TopicName): Promise<readonly TopicRecord[]> {
    const records: TopicRecord[] = [];
    const config = { 'bootstrap.servers': this.#pipeline.brokers, 'isolation.level': 'read_committed' };
    for await (const record of readTopic(config, this.topics[topic])) records.push(record);
    return records;
  }

  /** The sum of the service's committed offsets. */
  committed(): Promise<number> {
    return this.#pipeline.committed();
  }

  /** Waits until the service has committed every record of the input. Throws a StackError with the end of its log after `timeoutMs`. */
  async untilCommitted(timeoutMs = 30_000): Promise<void> {
    const committed = async () => {
      const lag = await this.#pipeline.lag();
      if (lag === 0) return true;
      throw new Error(`${lag} records are not committed`);
    };
    await this.until('every record is committed', committed, timeoutMs);
  }

  /** Waits until the condition holds; while it throws, it doesn't. Throws a StackError with the end of the service's log after `timeoutMs`. */
  async until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    try {
      await until(what, condition, timeoutMs);
    } catch (error) {
      const { message, cause } = error as Error;
      throw new StackError(`${message}\n${this.logTail()}`, { cause });
    }
  }

  /** The last lines of the service's log. It holds no patient data. */
  logTail(lines = LOG_LINES): string {
    return this.#pipeline.hasLog() ? this.#pipeline.logText().trimEnd().split('\n').slice(-lines).join('\n') : '';
  }

  /** Shuts a part down: SIGTERM, or what the database calls a shutdown. Without a process to stop, its connections are reset and refused. */
  async stop(part: Part): Promise<void> {
    if (part !== 'service') return this.#parts[part].stop();
    await this.#endService('SIGTERM');
  }

  /** kill -9. Without a process to kill, the connections of the part are reset and refused. */
  async kill(part: Part): Promise<void> {
    if (part !== 'service') return this.#parts[part].kill();
    await this.#endService('SIGKILL');
  }

  /** Freezes a part; its connections stay open and silent. */
  async pause(part: Part): Promise<void> {
    if (part === 'service') this.#service?.pause();
    else await this.#parts[part].pause();
  }

  /** Makes a part run again after `stop`, `kill` or `pause`; shuts down first what runs. Resolves when it accepts connections or is ready. */
  async restart(part: Part): Promise<void> {
    if (part === 'service') {
      await this.#endService('SIGTERM');
      await this.#startService();
      return;
    }
    if (this.#parts[part].running) await this.#parts[part].stop();
    await this.#parts[part].start();
  }

  /** Lets a paused part continue, with the connections that it still has. */
  async resume(part: Part): Promise<void> {
    if (part === 'service') this.#service?.resume();
    else await this.#parts[part].start();
  }

  /** Delays everything on a line by this time, in both directions. 0 ends it. */
  delay(line: Line, milliseconds: number): void {
    this.#lines[line].delay(milliseconds);
  }

  /** Resets every connection of a line. */
  cut(line: Line): void {
    this.#lines[line].cut();
  }

  /** While on, a line drops every byte silently. Ending it resets the connections. */
  blackhole(line: Line, on = true): void {
    this.#lines[line].blackHole(on);
  }

  /** Ends all faults, and starts the service with new topics, an empty database and an empty folder on the same servers. */
  async reset(): Promise<void> {
    for (const line of ['broker', 'database'] as const) {
      await this.#parts[line].start();
      this.delay(line, 0);
      this.blackhole(line, false);
    }
    await this.#endService('SIGKILL');
    await this.#pipeline[Symbol.asyncDispose]();
    this.#pipeline = await newPipeline(this.#servers, this.#options, this.#lines);
    await this.#startService();
  }

  /** Kills the service, ends broker and database, and removes their files. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { broker, database, reaper } = this.#servers;
    await Promise.allSettled([this.#parts.broker.start(), this.#parts.database.start()]);
    await this.#endService('SIGKILL');
    await Promise.allSettled([this.#pipeline[Symbol.asyncDispose]()]);
    await this.#lines.close();
    await Promise.allSettled([broker.close(), database.close()]);
    await reaper.close();
  }

  async #startService(): Promise<void> {
    const started = performance.now();
    const env = { KAFKA_BROKERS: this.brokers, POSTGRES_DSN: this.dsn, ...this.#options.env };
    const args = serviceArguments(this.#servers, this.#options.args ?? [], this.#pipeline.dsn);
    const service = this.#pipeline.start(env, args);
    this.#service = service;
    this.#servers.reaper.process(service.pid);
    let ended = false;
    void service.exited.then(() => {
      ended = true;
      this.#servers.reaper.ended(service.pid);
    });
    await this.until(
      'the service is ready',
      async () => ended || (await service.ready()),
      READY_MS - (performance.now() - started),
    );
    if (ended) throw new StackError(`the service exited during its start\n${this.logTail()}`);
  }

  async #endService(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    await service?.signal(signal);
  }

  async #send(records: readonly GeneratedRecord[]): Promise<void> {
    const config = { 'bootstrap.servers': this.#pipeline.brokers };
    const producer = createProducer({ name: 'stack', config, deadlineMs: 60_000 });
    try {
      await producer.send(records.map(({ key, value }) => ({ topic: this.topics.input, key, value })));
    } finally {
      await producer.close();
    }
  }
}

async function newPipeline(
  { broker, database, reaper }: Servers,
  { partitions }: StackOptions,
  lines: Lines,
): Promise<Pipeline> {
  const { path, drop } = await database.empty();
  const dsn = withPath(database.dsn({ host: '127.0.0.1', port: lines.own.database.port }), path);
  const pipeline = await Pipeline.create({
    brokers: `127.0.0.1:${lines.own.broker.port}`,
    dsn,
    database: { dsn, drop },
    ...(broker.topics === undefined ? {} : { topics: broker.topics }),
    ...(partitions === undefined ? {} : { partitions }),
  });
  reaper.folder(pipeline.folder);
  return pipeline;
}

async function writeFiles(records: readonly GeneratedRecord[]): Promise<void> {
  for (const { file } of records) {
    if (file === undefined) continue;
    await mkdir(dirname(file.path), { recursive: true });
    await writeFile(file.path, file.bytes);
  }
}

function withPath(dsn: string, path: string): string {
  const url = new URL(dsn);
  url.pathname = path;
  return url.href;
}
