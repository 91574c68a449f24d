/** Certificates for tests, signed by an authority that the openssl command creates. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, as files and as PEM text. */
export interface Certificate {
  /** Paths of PEM files: the certificate, and its key in PKCS #8. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** The names and the validity of a certificate. */
export interface CertificateOptions {
  /** The subject's common name; for a client certificate, the user. Default `test`. */
  readonly commonName?: string;
  /** Subject alternative names as openssl writes them: `DNS:localhost,IP:127.0.0.1`. Default both of these. */
  readonly names?: string;
  /** Days of validity from now; negative: expired. Default 1. */
  readonly days?: number;
}

/** A certificate authority for tests. It issues certificates by openssl. */
export interface Authority {
  /** Path of the authority's certificate. */
  readonly caFile: string;
  readonly ca: string;
  /** Creates a key and signs its certificate. Throws when openssl fails. */
  issue(options?: CertificateOptions): Certificate;
  /** Deletes all files that it has created. */
  remove(): void;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const SIGN = ['-CAcreateserial', '-copy_extensions', 'copy'];

/** Undefined where openssl isn't installed. */
export function createAuthority(): Authority | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'wado-authority-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...parts: string[]) => execFileSync('openssl', parts, { stdio: 'pipe' });
  const caFile = file('ca.pem');
  openssl(
    'req',
    '-x509',
    ...KEY,
    '-keyout',
    file('ca.key'),
    '-out',
    caFile,
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  );
  let issued = 0;
  return {
    caFile,
    ca: readFileSync(caFile, 'utf8'),
    issue({ commonName = 'test', names = 'DNS:localhost,IP:127.0.0.1', days = 1 } = {}) {
      const stem = file(String(++issued));
      const [certFile, keyFile, request] = [`${stem}.pem`, `${stem}.key`, `${stem}.csr`];
      const subject = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=${names}`];
      openssl('req', ...KEY, '-keyout', keyFile, '-out', request, ...subject);
      const authority = ['-CA', caFile, '-CAkey', file('ca.key'), ...SIGN, '-days', String(days)];
      openssl('x509', '-req', '-in', request, '-out', certFile, ...authority);
      return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
