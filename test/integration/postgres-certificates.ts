import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority of the test's own, by the openssl command. */
export interface Authority {
  /** Path of its certificate: what sslrootcert names. */
  readonly path: string;
  issue(name: string, days: number): Certificate;
  remove(): void;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Null where openssl isn't installed. */
export function createAuthority(): Authority | null {
  const folder = mkdtempSync(join(tmpdir(), 'authority-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...parts: string[]) => execFileSync('openssl', parts, { stdio: 'pipe' });
  try {
    openssl(
      'req',
      '-x509',
      ...KEY,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
      '-subj',
      '/CN=test',
      '-days',
      '2',
    );
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  return {
    path: file('ca.pem'),
    issue: (name, days) => {
      openssl(
        'req',
        ...KEY,
        '-keyout',
        file('key'),
        '-out',
        file('csr'),
        '-subj',
        '/CN=db',
        '-addext',
        `subjectAltName=${name}`,
      );
      const sign = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-copy_extensions', 'copy'];
      openssl('x509', '-req', '-in', file('csr'), ...sign, '-days', String(days), '-out', file('cert'));
      return { key: readFileSync(file('key'), 'utf8'), cert: readFileSync(file('cert'), 'utf8') };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
