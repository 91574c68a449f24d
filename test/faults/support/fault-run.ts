/** One run of the service under faults: its processes, the proxies in front of the servers, and the verdict at the end. */

import { appendFileSync, cpSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createAdmin } from '../../../src/kafka/admin/admin.ts';
import { type DatabaseProxy, startDatabaseProxy } from '../../../src/testing/database-proxy.ts';
import { Pipeline } from '../../../src/testing/pipeline.ts';
import { startTcpProxy, type TcpProxy } from '../../../src/testing/proxy.ts';
import { configWith } from '../../support/several-databases.ts';
import { type DatabaseName, driverOf, type FaultDatabase, freshDatabaseOn } from './database.ts';
import { gather } from './evidence.ts';
import { FaultyStorage } from './faulty-storage.ts';
import { InputHistory } from './input-history.ts';
import type { Machine } from './machine.ts';
import { Member } from './member.ts';
import { type LoadPlan, type SteadyLoad, startLoad } from './steady-load.ts';
import {
  commitProblems,
  duplicateProblems,
  endProblems,
  privacyProblems,
  republishProblems,
  skipProblems,
} from './verdict.ts';

export interface MemberOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** `--set` expressions and other arguments of `run`. */
  readonly args?: readonly string[];
  /** Connects to the servers without the proxies. */
  readonly direct?: boolean;
  readonly command?: readonly string[];
}

export interface FaultRunOptions {
  readonly partitions?: number;
  /** For every member. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** All members run exactly once: topics are read as committed, and may contain nothing twice. */
  readonly exactlyOnce?: boolean;
  /** No fault of this run makes the service process a record twice: the image topic may not contain many duplicates. */
  readonly gentle?: boolean;
}

/** Short times, so that a sequence of faults fits into seconds. Names are the configuration's. */
export const QUICK = [
  'input.redpanda.session_timeout=2s',
  'input.redpanda.heartbeat_interval=500ms',
  'input.redpanda.commit_period=200ms',
  'input.redpanda.unordered_processing.batching.period=300ms',
  'output.reject_errored.broker.outputs.0.dicom_store.statement_timeout=3s',
].flatMap((setting) => ['--set', setting]);

/** The kernel ends a member when the test process ends. */
const MORTAL = ['setpriv', '--pdeathsig', 'KILL'];
/** Root can read files without any permission; not without these capabilities. Other users don't have them. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ['--bounding-set=-dac_override,-dac_read_search'] : [];
const BUILT = fileURLToPath(new URL('../../../dist/src/cli/wado-consumer.cjs', import.meta.url));

/** The databases of a run, the proxies before them, and those to drop at the end. */
interface Stores {
  readonly databases: readonly FaultDatabase[];
  readonly lines: ReadonlyMap<DatabaseName, DatabaseProxy>;
  readonly further: readonly { drop(): Promise<void> }[];
}

/** The shipped configuration, or one with these databases. */
function configOf(folder: string, databases: readonly FaultDatabase[]): string {
  const further = databases.filter(({ name }) => name !== 'postgres');
  if (further.length === 0) return 'redpanda.yaml';
  const outputs = further.map(({ name }) => ({
    label: name,
    driver: driverOf(name),
    variable: variableOf(name),
    fields: ['statement_timeout: 3s'],
  }));
  return configWith(folder, outputs, { withPostgres: further.length < databases.length });
}

function variableOf(name: DatabaseName): string {
  return `${name.toUpperCase()}_DSN`;
}

export class FaultRun {
  readonly machine: Machine;
  readonly pipeline: Pipeline;
  readonly storage: FaultyStorage;
  /** Those of the configuration, past their proxies. */
  readonly databases: readonly FaultDatabase[];
  readonly broker: TcpProxy;
  readonly input: InputHistory;
  /** What the watchers found, one sentence each. */
  readonly problems: string[] = [];
  readonly members: Member[] = [];
  readonly #options: FaultRunOptions;
  readonly #loads: SteadyLoad[] = [];
  readonly #lines: ReadonlyMap<DatabaseName, DatabaseProxy>;
  readonly #further: readonly { drop(): Promise<void> }[];
  readonly #config: string;

  static async create(machine: Machine, options: FaultRunOptions = {}): Promise<FaultRun> {
    const partitions = options.partitions === undefined ? {} : { partitions: options.partitions };
    const pipeline = await Pipeline.create({ brokers: machine.brokers, dsn: machine.dsn, ...partitions });
    const storage = new FaultyStorage(pipeline);
    const further = await Promise.all(
      machine.databases.filter(({ name }) => name !== 'postgres').map(({ name, dsn }) => freshDatabaseOn(name, dsn)),
    );
    const databases = machine.databases.map(({ name }) => ({
      name,
      dsn: further.find((each) => each.name === name)?.dsn ?? pipeline.dsn,
    }));
    const lines = new Map<DatabaseName, DatabaseProxy>();
    for (const { name, dsn } of databases) {
      lines.set(name, await startDatabaseProxy(dsn));
    }
    const broker = await startTcpProxy({ target: machine.kafkaBehindProxy, port: machine.kafkaProxyPort });
    return new FaultRun(machine, pipeline, storage, { databases, lines, further }, broker, options);
  }

  private constructor(
    machine: Machine,
    pipeline: Pipeline,
    storage: FaultyStorage,
    { databases, lines, further }: Stores,
    broker: TcpProxy,
    options: FaultRunOptions,
  ) {
    this.machine = machine;
    this.pipeline = pipeline;
    this.storage = storage;
    this.databases = databases;
    this.#lines = lines;
    this.#further = further;
    this.#config = configOf(pipeline.folder, databases);
    this.broker = broker;
    this.input = new InputHistory(pipeline);
    this.#options = options;
  }

  /** The proxy before the first database. */
  get database(): DatabaseProxy {
    return this.lineTo(this.databases[0]?.name ?? 'postgres');
  }

  /** The proxy before a database. */
  lineTo(name: DatabaseName): DatabaseProxy {
    const line = this.#lines.get(name);
    if (line === undefined) throw new Error(`this run has no ${name}`);
    return line;
  }

  /** The DSN of each database, by the variable of the configuration. */
  #dsns(direct: boolean): Record<string, string> {
    return Object.fromEntries(
      this.databases.map(({ name, dsn }) => [variableOf(name), direct ? dsn : this.lineTo(name).dsn]),
    );
  }

  start(options: MemberOptions = {}): Member {
    const name = `member ${this.members.length + 1}`;
    const log = join(this.pipeline.folder, `${name.replace(' ', '-')}.log`);
    appendFileSync(log, '');
    const { direct = false, command = [...MORTAL, ...UNPRIVILEGED, process.execPath, BUILT] } = options;
    const service = this.pipeline.start(
      {
        ...(direct ? {} : { KAFKA_BROKERS: `127.0.0.1:${this.broker.port}` }),
        ...this.#dsns(direct),
        READER_WORKERS: '1',
        ...this.storage.env,
        ...this.#options.env,
        ...options.env,
      },
      [
        ...(this.#options.exactlyOnce === true ? ['--exactly-once'] : []),
        ...(this.#options.args ?? []),
        ...(options.args ?? []),
      ],
      { log, command, config: this.#config },
    );
    const member = new Member(name, service, (text) => this.problems.push(text));
    this.members.push(member);
    return member;
  }

  load(plan: LoadPlan): SteadyLoad {
    const load = startLoad(this.pipeline, { files: this.storage.files, ...plan });
    this.#loads.push(load);
    return load;
  }

  /** Makes every n-th file of the loads late; returns the function that ends it. */
  makeLate(every: number): () => void {
    const ends = this.#loads.map((load) => load.makeLate(every));
    return () => {
      for (const end of ends) end();
    };
  }

  /** Resolves when no load sends any more; returns the function that resumes them. */
  async pauseLoads(): Promise<() => void> {
    const resumes = await Promise.all(this.#loads.map((load) => load.pause()));
    return () => {
      for (const resume of resumes) resume();
    };
  }

  /** Waits until everything that was sent is committed. Returns every problem that the watchers and the verdict found. */
  async verdict(timeoutMs = 60_000): Promise<readonly string[]> {
    for (const load of this.#loads) await load.done;
    const caughtUp = await this.#caughtUp(timeoutMs);
    const records = this.#loads.flatMap((load) => load.records);
    const committedOnly = this.#options.exactlyOnce === true;
    const evidence = await gather(
      this.pipeline,
      this.databases,
      this.input,
      this.members.map((member) => member.log),
      { committedOnly },
    );
    const problems = [
      ...this.problems,
      ...(caughtUp ? [] : [`records are still uncommitted ${timeoutMs} ms after the last fault`]),
      ...endProblems(evidence, records),
      ...commitProblems(evidence, records),
      ...skipProblems(evidence, records),
      ...(committedOnly ? duplicateProblems(evidence, records) : []),
      ...(this.#options.gentle === true ? republishProblems(evidence) : []),
      ...privacyProblems(evidence),
    ].slice(0, 20);
    if (problems.length > 0) this.keepLogs();
    return problems;
  }

  async #caughtUp(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      // A broker that has just started may not answer yet.
      if ((await this.pipeline.lag().catch(() => Number.NaN)) === 0) return true;
      await sleep(100);
    }
    return false;
  }

  /** The most memory that any member has had. */
  get peakRssMb(): number {
    return Math.max(0, ...this.members.map((member) => member.peakRssMb));
  }

  /** Deletes the dead-letter topic; the returned function creates it. Call it before anything is dead-lettered. */
  async withoutDeadLetterTopic(): Promise<() => Promise<void>> {
    const admin = createAdmin({ 'bootstrap.servers': this.machine.brokers });
    const { deadLetter } = this.pipeline.topics;
    await admin.deleteTopics([deadLetter]);
    return async () => {
      await admin.createTopics([deadLetter], 1);
      admin.close();
    };
  }

  /** Copies the members' logs into the folder of the run's logs. The verdict does that when there is a problem. */
  keepLogs(name = this.pipeline.name): void {
    const { WADO_FAULTS_FOLDER } = process.env;
    if (WADO_FAULTS_FOLDER === undefined) return;
    for (const { log } of this.members) cpSync(log, join(WADO_FAULTS_FOLDER, name, basename(log)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.filter((member) => member.running).map((member) => member.kill()));
    await Promise.all([...this.#lines.values(), this.broker].map((line) => line.close()));
    await Promise.all(this.#further.map((database) => database.drop()));
    this.storage[Symbol.dispose]();
    await this.pipeline[Symbol.asyncDispose]();
  }
}
