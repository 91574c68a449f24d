/** A MySQL or MariaDB of a test's own, with TLS, which a stack's server doesn't have. */
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import type { Certificate } from '../../../src/testing/certificates.ts';
import { freePort } from '../../../src/testing/free-port.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/services.sh', import.meta.url));
const run = promisify(execFile);

export class OwnMysql {
  /** `mysql://dicom:dicom@127.0.0.1:port/dicom` */
  readonly dsn: string;
  readonly #kind: 'mysql' | 'mariadb';
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  static async start(kind: 'mysql' | 'mariadb', caFile: string, certificate: Certificate): Promise<OwnMysql> {
    const own = new OwnMysql(kind, await freePort());
    own.#place(certificate);
    copyFileSync(caFile, own.#file('ca.pem'));
    await run(SCRIPT, ['up', kind], { env: own.#env });
    return own;
  }

  private constructor(kind: 'mysql' | 'mariadb', port: number) {
    this.#kind = kind;
    this.#folder = mkdtempSync(join(tmpdir(), 'wado-own-mysql-'));
    this.dsn = `mysql://dicom:dicom@127.0.0.1:${port}/dicom`;
    // The server runs as another user.
    chmodSync(this.#folder, 0o755);
    mkdirSync(join(this.#folder, 'tls'));
    const name = kind.toUpperCase();
    this.#env = {
      ...process.env,
      WADO_SERVICES_DIR: join(this.#folder, 'services'),
      WADO_SERVICES_ENV_FILE: join(this.#folder, 'env'),
      [`WADO_${name}_PORT`]: String(port),
      [`WADO_${name}_OPTIONS`]: ['ca', 'cert', 'key']
        .map((part) => `--ssl-${part}=${this.#file(`${part}.pem`)}`)
        .join(' '),
    };
  }

  /** New connections get this certificate. */
  async present(certificate: Certificate): Promise<void> {
    this.#place(certificate);
    const connection = await mysql.createConnection(this.dsn);
    await connection.query(this.#kind === 'mysql' ? 'alter instance reload tls' : 'flush ssl');
    await connection.end();
  }

  #file(name: string): string {
    return join(this.#folder, 'tls', name);
  }

  #place({ certFile, keyFile }: Certificate): void {
    copyFileSync(certFile, this.#file('cert.pem'));
    copyFileSync(keyFile, this.#file('key.pem'));
    chmodSync(this.#file('key.pem'), 0o644);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(SCRIPT, ['down'], { env: this.#env });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
