import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { type LoadOptions, type LoadRecord, makeLoad } from '../../src/testing/load.ts';
import { type ServiceProcess, startServiceProcess } from '../../src/testing/service-process.ts';
import { freshDatabase, freshName } from '../integration/support/fresh.ts';

export interface PipelineOptions {
  readonly brokers: string;
  readonly dsn: string;
  readonly partitions?: number;
}

/** The end state of tables and topics, read from outside the service. */
export interface EndState {
  readonly objects: ReadonlySet<string>;
  readonly states: ReadonlySet<string>;
  readonly images: ReadonlySet<string>;
  readonly publishedStates: ReadonlySet<string>;
  readonly publishedImages: ReadonlySet<string>;
  readonly deadLetters: ReadonlySet<string>;
}

/** Topics, a database and a store of one's own on real services, and the built service between them. */
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
  readonly dsn: string;
  readonly #running = new Set<ServiceProcess>();

  static async create(options: PipelineOptions): Promise<Pipeline> {
    const database = await freshDatabase(options.dsn);
    const pipeline = new Pipeline(options, database);
    mkdirSync(pipeline.store);
    await pipeline.#admin.createTopics(Object.values(pipeline.topics), pipeline.#partitions);
    return pipeline;
  }

  private constructor(options: PipelineOptions, database: { dsn: string; drop: () => Promise<void> }) {
    this.brokers = options.brokers;
    this.#partitions = options.partitions ?? 6;
    this.dsn = database.dsn;
    this.#drop = database.drop;
    this.#admin = createAdmin({ 'bootstrap.servers': options.brokers });
  }

  /** Writes the files of a load and publishes its records; returns what must come of it. */
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

  /** What redpanda.yaml reads: for the service, and for every other verb of the command. */
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
   * `config` replaces the shipped one; `log` is the process' own log file; `command` replaces the built service, e.g. by one under another
   * user.
   */
  start(
    env: Record<string, string> = {},
    args: readonly string[] = [],
    {
      config = 'redpanda.yaml',
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

  /** Records that exist and are not committed yet, as the broker counts them; of this pipeline's group unless another is named. */
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

  /** Whether a process that logs there has said that it has started. */
  hasStarted(log = this.log): boolean {
    return existsSync(log) && readFileSync(log, 'utf8').includes('"msg":"started"');
  }

  /** Waits until the service has its first batch through, and not a moment longer: what is left of a load then may be gone within a second. */
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

  /** The same for another group on this pipeline's input. */
  async untilGroupCommitted(group: string, timeoutMs: number, everyMs?: number): Promise<void> {
    await this.untilLag((lag) => lag === 0, timeoutMs, group, everyMs);
  }

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

  async endState(): Promise<EndState> {
    const client = new pg.Client(this.dsn);
    await client.connect();
    const column = async (sql: string) =>
      new Set((await client.query({ text: sql, rowMode: 'array' })).rows.map((row) => String(row[0])));
    try {
      return {
        objects: await column('select trace_id from dicom_object_meta'),
        states: await column('select series_uid from dicom_state_meta'),
        images: await column('select sop_uid from dicom_image_meta'),
        publishedStates: await this.#published(this.topics.state, 'series_uid'),
        publishedImages: await this.#published(this.topics.image, 'sop_uid'),
        deadLetters: await this.#deadLetterKeys(),
      };
    } finally {
      await client.end();
    }
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

  logText(): string {
    return readFileSync(this.log, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((service) => service.signal('SIGKILL')));
    await this.#admin.deleteTopics(Object.values(this.topics)).catch(() => undefined);
    this.#admin.close();
    await this.#drop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The end state that a load must come to. */
export function expectedState(records: readonly LoadRecord[]): EndState {
  const good = records.flatMap((record) => (record.expected === undefined ? [] : [record.expected]));
  const states = new Set(good.map((keys) => keys.series));
  const images = new Set(good.map((keys) => keys.instance));
  return {
    objects: new Set(good.map((keys) => keys.traceId)),
    states,
    images,
    publishedStates: states,
    publishedImages: images,
    deadLetters: new Set(records.filter((record) => record.expected === undefined).map((record) => record.key)),
  };
}

/** What is missing and what is too much, per table and topic, a few of each by name: empty when all is as it should be. */
export function differences(found: EndState, expected: EndState): readonly string[] {
  const few = (keys: readonly string[]) => `${keys.length} (${keys.slice(0, 3).join(', ')}…)`;
  return (Object.keys(expected) as (keyof EndState)[]).flatMap((place) => {
    const missing = [...expected[place]].filter((key) => !found[place].has(key));
    const extra = [...found[place]].filter((key) => !expected[place].has(key));
    return [
      ...(missing.length === 0 ? [] : [`${place}: missing ${few(missing)}`]),
      ...(extra.length === 0 ? [] : [`${place}: too many ${few(extra)}`]),
    ];
  });
}
