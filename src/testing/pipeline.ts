import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmin } from '../kafka/admin/admin.ts';
import { readTopic } from '../kafka/admin/read-topic.ts';
import { createProducer } from '../kafka/producer/producer.ts';
import type { EndState } from './end-state.ts';
import { type FreshDatabase, freshDatabase, freshName } from './fresh-database.ts';
import { type LoadOptions, type LoadRecord, makeLoad } from './load.ts';
import { packageFile } from './package-file.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';
import { storedKeys } from './stored-keys.ts';

/** The servers of a pipeline. */
export interface PipelineOptions {
  /** `host:port`, several joined by commas. */
  readonly brokers: string;
  /** A server on which an empty database is created: `postgres://…` or `mysql://…`. */
  readonly dsn: string;
  /** Partitions of each topic. Default 6. */
  readonly partitions?: number;
  /** An empty database to use instead of a new one. */
  readonly database?: FreshDatabase;
  /** Creates and deletes topics. Default: through the admin API, which the embedded broker lacks. */
  readonly topics?: TopicCalls;
}

/** How topics come and go on a broker. */
export interface TopicCalls {
  /** Resolves when the topics can be used, each with this number of partitions. */
  createTopics(names: readonly string[], partitions: number): Promise<void>;
  /** Resolves when the deletion was accepted. */
  deleteTopics(names: readonly string[]): Promise<void>;
}

/**
 * Empty topics, an empty database and a folder for files, and the service between them as a child process. Each pipeline has names that no
 * other one uses, so tests can share servers. `await using` kills the service and removes topics, database and folder.
 */
export class Pipeline {
  readonly name = freshName('pipeline');
  readonly folder = mkdtempSync(join(tmpdir(), 'wado-'));
  readonly store = join(this.folder, 'store');
  readonly log = join(this.folder, 'service.log');
  readonly group = `${this.name}-group`;
  readonly topics = {
    input: `${this.name}.in`,
    state: `${this.name}.state`,
    image: `${this.name}.image`,
    deadLetter: `${this.name}.in.dlq`,
  };
  readonly brokers: string;
  readonly #partitions: number;
  readonly #drop: () => Promise<void>;
  readonly #admin;
  readonly #topicCalls: TopicCalls;
  /** The DSN of the empty database. */
  readonly dsn: string;
  readonly #running = new Set<ServiceProcess>();

  /** Creates the topics and the database. Rejects with a SourceError or the database driver's error. */
  static async create(options: PipelineOptions): Promise<Pipeline> {
    const database = options.database ?? (await freshDatabase(options.dsn));
    const pipeline = new Pipeline(options, database);
    try {
      mkdirSync(pipeline.store);
      await pipeline.#topicCalls.createTopics(Object.values(pipeline.topics), pipeline.#partitions);
      return pipeline;
    } catch (error) {
      await Promise.allSettled([pipeline[Symbol.asyncDispose]()]);
      throw error;
    }
  }

  private constructor(options: PipelineOptions, database: FreshDatabase) {
    this.brokers = options.brokers;
    this.#partitions = options.partitions ?? 6;
    this.dsn = database.dsn;
    this.#drop = database.drop;
    this.#admin = createAdmin({ 'bootstrap.servers': options.brokers });
    this.#topicCalls = options.topics ?? this.#admin;
  }

  /** Writes the files of a load and publishes its records. Resolves to the records with their expected results. */
  async publish(options: Omit<LoadOptions, 'root'>): Promise<readonly LoadRecord[]> {
    const records: LoadRecord[] = [];
    const producer = createProducer({
      name: 'load',
      config: { 'bootstrap.servers': this.brokers, 'linger.ms': 5 },
      deadlineMs: 60_000,
    });
    let waiting: { topic: string; key: string; value: string }[] = [];
    const flush = async () => {
      await producer.send(waiting);
      waiting = [];
    };
    for await (const record of makeLoad({ ...options, root: this.store })) {
      records.push(record);
      waiting.push({ topic: this.topics.input, key: record.key, value: record.value });
      if (waiting.length === 1_000) await flush();
    }
    await flush();
    await producer.close();
    return records;
  }

  /** The variables of redpanda.yaml, for the service and for every other verb of the command. */
  get env(): Record<string, string> {
    return {
      KAFKA_BROKERS: this.brokers,
      POSTGRES_DSN: this.dsn,
      STORAGE_ROOT: this.store,
      STORAGE_TOPIC: this.topics.input,
      STATE_TOPIC: this.topics.state,
      IMAGE_TOPIC: this.topics.image,
      DEAD_LETTER_TOPIC: this.topics.deadLetter,
      CONSUMER_GROUP: this.group,
      HTTP_ADDRESS: '127.0.0.1:0',
      FILE_WAIT: '2s',
    };
  }

  /**
   * Starts the service with the shipped redpanda.yaml and `env`, as `wado-consumer run` with further `args`. `config` replaces the
   * configuration file, `log` the log file, and `command` the command, e.g. to run it as another user.
   */
  start(
    env: Record<string, string> = {},
    args: readonly string[] = [],
    {
      config = packageFile('redpanda.yaml'),
      log = this.log,
      command,
    }: { readonly config?: string; readonly log?: string; readonly command?: readonly string[] } = {},
  ): ServiceProcess {
    const service = startServiceProcess({
      config,
      log,
      args,
      ...(command === undefined ? {} : { command }),
      env: { ...this.env, ...env },
    });
    this.#running.add(service);
    void service.exited.then(() => this.#running.delete(service));
    return service;
  }

  /** The sum of the group's committed offsets over the input's partitions, as the broker counts them. */
  async committed(): Promise<number> {
    const offsets = await this.#admin.committedOffsets(this.group, this.topics.input);
    return offsets.reduce((sum, { offset }) => sum + offset, 0);
  }

  /** Records of the input that are not committed, as the broker counts them. Default: of this pipeline's group. */
  async lag(group = this.group): Promise<number> {
    const committed = new Map(
      (await this.#admin.committedOffsets(group, this.topics.input)).map((each) => [each.partition, each.offset]),
    );
    const starts = new Map(
      (await this.#admin.beginOffsets(this.topics.input)).map((each) => [each.partition, each.offset]),
    );
    const ends = await this.#admin.endOffsets(this.topics.input);
    return ends.reduce((sum, { partition, offset }) => {
      const start = starts.get(partition) ?? 0;
      return sum + offset - Math.max(start, committed.get(partition) ?? 0);
    }, 0);
  }

  /** Whether the log says that the service has started. */
  hasStarted(log = this.log): boolean {
    return existsSync(log) && readFileSync(log, 'utf8').includes('"msg":"started"');
  }

  /** Waits until the service has acknowledged its first batch. Throws after `timeoutMs`. */
  async untilAtWork(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!existsSync(this.log) || !this.logText().includes('"msg":"batch acknowledged"')) {
      if (performance.now() > deadline) throw new Error(`no batch after ${timeoutMs} ms; see ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until the group has committed everything; throws when that takes longer than `timeoutMs`. */
  async untilCommitted(timeoutMs: number): Promise<void> {
    await this.untilLag((lag) => lag === 0, timeoutMs);
  }

  /** The same for another group that consumes this pipeline's input. */
  async untilGroupCommitted(group: string, timeoutMs: number, everyMs?: number): Promise<void> {
    await this.untilLag((lag) => lag === 0, timeoutMs, group, everyMs);
  }

  /** Waits until `enough` accepts the lag, asked for `everyMs` milliseconds. Throws after `timeoutMs`. */
  async untilLag(
    enough: (lag: number) => boolean,
    timeoutMs: number,
    group = this.group,
    everyMs = 200,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const lag = await this.lag(group);
      if (enough(lag)) return;
      if (performance.now() > deadline) throw new Error(`lag is still ${lag} after ${timeoutMs} ms; see ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  /** The keys in the tables and topics now. */
  async endState(): Promise<EndState> {
    return {
      ...(await storedKeys(this.dsn)),
      publishedStates: await this.#published(this.topics.state, 'series_uid'),
      publishedImages: await this.#published(this.topics.image, 'sop_uid'),
      deadLetters: await this.#deadLetterKeys(),
    };
  }

  async #published(topic: string, field: string): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for await (const record of readTopic({ 'bootstrap.servers': this.brokers }, topic)) {
      const value: Record<string, unknown> = JSON.parse(record.value?.toString() ?? '{}');
      found.add(String(value[field]));
    }
    return found;
  }

  async #deadLetterKeys(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for await (const record of readTopic({ 'bootstrap.servers': this.brokers }, this.topics.deadLetter)) {
      found.add(record.key?.toString() ?? '');
    }
    return found;
  }

  /** Whether a service has been started, so that there is a log. */
  hasLog(): boolean {
    return existsSync(this.log);
  }

  /** The log of the service so far. Throws before the first start. */
  logText(): string {
    return readFileSync(this.log, 'utf8');
  }

  /** Kills the processes, and removes topics, database and folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((service) => service.signal('SIGKILL')));
    await this.#topicCalls.deleteTopics(Object.values(this.topics)).catch(() => undefined);
    this.#admin.close();
    try {
      await this.#drop();
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}
