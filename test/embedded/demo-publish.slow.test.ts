import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedBroker, startBroker } from '../../src/embedded/broker.ts';
import { tallyTopics } from '../../src/embedded/topic-tally.ts';
import { connect, disconnect, type NativeMessage, newConsumer } from '../../src/kafka/client/client.ts';
import { dicomStoreMetaSchema } from '../../src/records/dicom-store-meta.ts';
import { generateStudies } from '../../src/samples/studies.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/wado-consumer.cjs', import.meta.url));
const TOPIC = 'storage_queue';

let folder: string;
let broker: EmbeddedBroker;
let written: readonly { readonly path: string; readonly bytes: Buffer }[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'publish-'));
  broker = await startBroker([TOPIC]);
  const studies = generateStudies({
    seed: 3,
    store: folder,
    tenantId: 't',
    origin: 'x',
    poisonEvery: 0,
    repeatEvery: 0,
  });
  written = Array.from({ length: 12 }, () => studies.next().value.records.flatMap(({ file }) => file ?? [])).flat();
  for (const { path, bytes } of written) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  await writeFile(join(folder, 'README.txt'), 'no DICOM');
});

afterAll(async () => {
  await broker?.close();
  await rm(folder, { recursive: true, force: true });
});

const publish = (...args: readonly string[]) => publishWith({}, ...args);

function publishWith(environment: Readonly<Record<string, string>>, ...args: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, ...environment };
    execFile(process.execPath, [PROGRAM, 'publish', ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

/** Everything in the topic, read by a consumer of its own. */
async function consumeAll(count: number): Promise<readonly NativeMessage[]> {
  const consumer = newConsumer({ 'bootstrap.servers': broker.address, 'group.id': 'test', 'fetch.wait.max.ms': 10 });
  await connect(consumer, 5_000);
  consumer.setDefaultConsumeTimeout(100);
  consumer.assign(
    Array.from({ length: broker.partitionsPerTopic }, (_, partition) => ({ topic: TOPIC, partition, offset: 0 })),
  );
  const messages: NativeMessage[] = [];
  for (const deadline = performance.now() + 10_000; messages.length < count && performance.now() < deadline; ) {
    messages.push(
      ...(await new Promise<NativeMessage[]>((resolve) => consumer.consume(500, (_, got) => resolve(got ?? [])))),
    );
  }
  await disconnect(consumer, 5_000);
  return messages;
}

describe('publish', () => {
  it('reads and counts on a dry run, and publishes nothing', async () => {
    const { code, stdout } = await publish(folder, '--brokers', broker.address, '--dry-run');
    expect(stdout).toContain(`would publish ${written.length} of ${written.length + 1} files`);
    expect(code).toBe(0);
    const tally = await tallyTopics({
      broker: broker.address,
      topics: [TOPIC],
      partitionsPerTopic: broker.partitionsPerTopic,
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(tally.count(TOPIC).records).toBe(0);
    await tally.close();
  });

  it('publishes one DicomStoreMeta per DICOM file, keyed by its trace_id', async () => {
    const { code, stdout } = await publish(
      folder,
      '--brokers',
      broker.address,
      '--tenant',
      'hospital-a',
      '--storage-root-as',
      '/data',
    );
    expect(stdout).toContain(`published ${written.length} of ${written.length + 1} files to ${TOPIC}`);
    expect(stdout).toContain('skipped 1: not_dicom');
    expect(code).toBe(0);

    const messages = await consumeAll(written.length);
    const metas = messages.map(({ key, value }) => {
      const meta = dicomStoreMetaSchema.parse(JSON.parse(String(value)));
      expect(meta.trace_id).toBe(String(key));
      return meta;
    });
    expect(metas.map((meta) => meta.file_path).sort()).toEqual(
      written.map(({ path }) => path.replace(folder, '/data')).sort(),
    );
    expect(new Set(metas.map((meta) => meta.tenant_id))).toEqual(new Set(['hospital-a']));
    const sizes = new Map(written.map(({ path, bytes }) => [path.replace(folder, '/data'), bytes.length]));
    expect(metas.every((meta) => meta.file_size === sizes.get(meta.file_path))).toBe(true);
  });

  it('reads KAFKA_BROKERS and STORAGE_TOPIC when no option names them', async () => {
    const environment = { KAFKA_BROKERS: '127.0.0.1:1', STORAGE_TOPIC: 'other' };
    const dryRun = await publishWith(environment, folder, '--dry-run');
    expect(dryRun.stdout).toContain('files to other\n');
    const { code, stderr } = await publishWith(environment, folder);
    expect(stderr).toMatch(
      /publishing to topic \w+ at 127\.0\.0\.1:1 failed \(ERR__\w+\); nothing was published; check that a broker/,
    );
    expect(code).toBe(3);
  });

  it('refuses --brokers together with --config', async () => {
    const { code, stderr } = await publish(folder, '--config', 'redpanda.yaml', '--brokers', broker.address);
    expect(stderr).toContain("cannot be used with option '--brokers");
    expect(code).toBe(1);
  });

  it('says which files it could not publish, and exits with 2', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'broken-'));
    await writeFile(join(broken, 'cut.dcm'), written[0]?.bytes.subarray(0, 300) ?? '');
    const { code, stdout } = await publish(broken, '--brokers', broker.address);
    expect(stdout).toMatch(/skipped 1: (?:truncated|missing_required)/);
    expect(code).toBe(2);
    await rm(broken, { recursive: true });
  });

  it('exits with 3 when no broker answers, and with 1 on a wrong folder or option', async () => {
    expect((await publish(folder, '--brokers', '127.0.0.1:1')).code).toBe(3);
    expect((await publish(join(folder, 'nowhere'))).code).toBe(1);
    expect((await publish(folder, '--brokers', 'nonsense')).code).toBe(1);
  });
});
