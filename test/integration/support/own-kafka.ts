/** A broker of a test's own, with properties that no other test could live with. A stack's broker has no properties, and needs Docker. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../../src/testing/free-port.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/services.sh', import.meta.url));
const run = promisify(execFile);

export class OwnKafka {
  readonly brokers: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `properties` are appended to the broker's own, and win over them. */
  static async start(properties: readonly string[]): Promise<OwnKafka> {
    const folder = mkdtempSync(join(tmpdir(), 'wado-own-kafka-'));
    const kafka = new OwnKafka(folder, await freePort(), properties);
    await run(SCRIPT, ['up', 'kafka'], { env: kafka.#env });
    return kafka;
  }

  private constructor(folder: string, port: number, properties: readonly string[]) {
    this.#folder = folder;
    this.brokers = `127.0.0.1:${port}`;
    this.#env = {
      ...process.env,
      WADO_SERVICES_DIR: join(folder, 'services'),
      WADO_SERVICES_ENV_FILE: join(folder, 'env'),
      WADO_KAFKA_PORT: String(port),
      WADO_KAFKA_PROPERTIES: properties.join('\n'),
    };
  }

  /** One of Kafka's own tools: `tools.AclCommand`. */
  async tool(name: string, ...args: string[]): Promise<void> {
    const command = ['tool', `org.apache.kafka.${name}`, '--bootstrap-server', this.brokers, ...args];
    await run(SCRIPT, command, { env: this.#env });
  }

  /** Stops the broker and starts it again with its data, which raises the leader epoch of its partitions. */
  async restart(): Promise<void> {
    await run(SCRIPT, ['restart', 'kafka'], { env: this.#env });
  }

  /** Stops the broker. Its data stays. */
  async stop(): Promise<void> {
    await run(SCRIPT, ['stop', 'kafka'], { env: this.#env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(SCRIPT, ['down'], { env: this.#env });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
