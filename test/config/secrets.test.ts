// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration, not of this program

import { rmSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lintConfig, loadConfig } from '../../src/config/load.ts';
import { Secret } from '../../src/config/secret.ts';
import { ConfigError, formatConfigIssue } from '../../src/errors.ts';
import { MINIMAL, minimalWith, writeText } from './fixture.ts';

const CANARY = 'c4nary-Pa55';
const DSN = 'dsn: postgres://user@localhost:5432/dicom';
const GROUP = 'consumer_group: group';

function withSasl(fields: string): string {
  return minimalWith([GROUP, `${GROUP}\n    sasl:\n      - ${fields}`]);
}

describe('a Secret', () => {
  it('shows its value through reveal() only', () => {
    const secret = Secret.of(CANARY);
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
      Object.entries(secret).join(),
    ];
    expect(shown.join()).not.toContain(CANARY);
    expect(inspect(secret)).toBe('[secret]');
    expect(secret.reveal()).toBe(CANARY);
  });

  it('reads its file again each time it is revealed', () => {
    const file = writeText('postgres://u:first@db/x\n', 'dsn');
    const text = minimalWith([DSN, 'dsn: "${POSTGRES_DSN:postgres://x}"']);
    const { databases } = loadConfig(writeText(text), { env: { POSTGRES_DSN_FILE: file } });
    expect(databases[0]?.dsn.reveal()).toBe('postgres://u:first@db/x');
    writeFileSync(file, 'postgres://u:second@db/x\n');
    expect(databases[0]?.dsn.reveal()).toBe('postgres://u:second@db/x');
  });

  it('may be part of a string, next to a variable that is not a file', () => {
    const file = writeText('first', 'password');
    const text = minimalWith([DSN, 'dsn: "postgres://${USER_NAME}:${PASSWORD}@db/x"']);
    const { databases } = loadConfig(writeText(text), { env: { USER_NAME: 'u', PASSWORD_FILE: file } });
    writeFileSync(file, 'second');
    expect(databases[0]?.dsn.reveal()).toBe('postgres://u:second@db/x');
  });

  it('throws a ConfigError with the position, the variable and the file when the file is missing', () => {
    const file = writeText(CANARY, 'gone');
    const config = writeText(minimalWith([DSN, 'dsn: "postgres://u:${PASSWORD}@db/x"']));
    const { databases } = loadConfig(config, { env: { PASSWORD_FILE: file } });
    rmSync(file);
    expect(() => databases[0]?.dsn.reveal()).toThrow(
      new ConfigError([
        {
          file: config,
          line: 18,
          column: 18,
          message: `output.reject_errored.broker.outputs.0.dicom_store.dsn: PASSWORD_FILE names ${file}, which can't be read (ENOENT)`,
        },
      ]),
    );
  });

  it('is the type of passwords, tokens and keys', () => {
    const plain = loadConfig(writeText(withSasl(`{ mechanism: PLAIN, username: u, password: ${CANARY} }`)), {
      env: {},
    });
    const token = loadConfig(writeText(withSasl(`{ mechanism: OAUTHBEARER, token: ${CANARY} }`)), { env: {} });
    const key = loadConfig(
      writeText(
        minimalWith([
          GROUP,
          `${GROUP}\n    tls: { enabled: true, client_certs: [{ cert: c, key: ${CANARY}, password: ${CANARY} }] }`,
        ]),
      ),
      { env: {} },
    );
    for (const config of [plain, token, key]) {
      expect(inspect(config, { depth: 20 })).not.toContain(CANARY);
      expect(JSON.stringify(config)).not.toContain(CANARY);
    }
    expect(plain.input.sasl).toMatchObject({ mechanism: 'PLAIN', username: 'u' });
    expect(plain.input.sasl?.mechanism === 'PLAIN' && plain.input.sasl.password.reveal()).toBe(CANARY);
    expect(token.input.sasl?.mechanism === 'OAUTHBEARER' && token.input.sasl.token.reveal()).toBe(CANARY);
    const cert = key.input.tls?.clientCert;
    expect(cert?.kind === 'inline' && [cert.key.reveal(), cert.password?.reveal()]).toEqual([CANARY, CANARY]);
  });

  it('keeps the spelling of a password that looks like a number', () => {
    for (const password of ['007', '1e5', 'true', '0x10', '1_000', '.5']) {
      const file = writeText(withSasl('{ mechanism: PLAIN, username: u, password: ${P} }'));
      const { input } = loadConfig(file, { env: { P: password } });
      expect(input.sasl?.mechanism === 'PLAIN' && input.sasl.password.reveal()).toBe(password);
    }
  });

  it('keeps the line breaks of a key in a file', () => {
    const pem = '-----BEGIN KEY-----\nabc\n-----END KEY-----';
    const env = { KEY_FILE: writeText(`${pem}\n`, 'key.pem') };
    const tls = '    tls: { enabled: true, client_certs: [{ cert: c, key: "${KEY}" }] }';
    const cert = loadConfig(writeText(minimalWith([GROUP, `${GROUP}\n${tls}`])), { env }).input.tls?.clientCert;
    expect(cert?.kind === 'inline' && cert.key.reveal()).toBe(pem);
  });
});

describe('no message repeats a secret', () => {
  /** Texts with a variable in them that is put through everything that can go wrong. */
  const places: Record<string, string> = {
    'a bare value': withSasl('{ mechanism: PLAIN, username: u, password: ${P} }'),
    'a quoted value': withSasl('{ mechanism: PLAIN, username: u, password: "${P}" }'),
    'a single-quoted value': withSasl("{ mechanism: PLAIN, username: u, password: '${P}' }"),
    'a block value': withSasl('mechanism: PLAIN\n        username: u\n        password: ${P}'),
    'a part of a DSN': minimalWith([DSN, 'dsn: postgres://u:${P}@db/x']),
    'a number': minimalWith(['[/data]', '[/data]\n        workers: ${P}']),
    'a duration': minimalWith(['[/data]', '[/data]\n        file_wait: ${P}']),
    'a mechanism': withSasl('{ mechanism: ${P} }'),
    'a key': minimalWith([GROUP, `${GROUP}\n    \${P}: 1`]),
    'a part of a key': minimalWith([GROUP, `${GROUP}\n    start_\${P}: 1`]),
    'a component': minimalWith(['input:', 'buffer: { ${P}: {} }\ninput:'], ['  redpanda:', '  ${P}:']),
    'a label': minimalWith(['input:', 'input:\n  label: ${P}']),
    'a check': minimalWith([`'@record_type == "image"'`, "'${P}'"]),
    'an alias': minimalWith(['[/data]', '*${P}']),
    'a tag': minimalWith(['[/data]', '!${P} [/data]']),
    'a name in a map of texts': minimalWith(['input:', 'logger: { static_fields: { ${P}: [] } }\ninput:']),
    'an address': minimalWith(['input:', 'http: { address: "${P}" }\ninput:']),
    'a line of its own': `\${P}\n${MINIMAL}`,
    base64: minimalWith([DSN, 'dsn: "${P|base64decode}"']),
  };
  const hostile = [
    CANARY,
    `"${CANARY}`,
    `'${CANARY}`,
    `${CANARY}: x`,
    `${CANARY}, ${CANARY}: ${CANARY}`,
    `{${CANARY}: ${CANARY}}`,
    `}, ${CANARY}: ${CANARY}`,
    `\\${CANARY}`,
    `*${CANARY}`,
    `&${CANARY} *${CANARY}`,
    `!${CANARY} x`,
    `@${CANARY}`,
    `%${CANARY}`,
    `x\n${CANARY}: ${CANARY}`,
    `x\r${CANARY}: ${CANARY}`,
    `\t${CANARY}`,
    `[${CANARY}`,
    `? ${CANARY}`,
    `| ${CANARY}`,
    `x # ${CANARY}`,
  ];

  interface Given {
    readonly env: Record<string, string>;
    readonly sets?: readonly string[];
  }

  /** What a run says: the configuration that it shows, or its error. */
  function saidByLoading(file: string, given: Given): string {
    try {
      return inspect(loadConfig(file, given), { depth: 20 });
    } catch (error) {
      return [inspect(error, { depth: 20 }), String(error), JSON.stringify(error)].join('\n');
    }
  }

  function everythingSaid(text: string, given: Given): string {
    const file = writeText(text, 'secret.yaml');
    return [...lintConfig(file, given).map(formatConfigIssue), saidByLoading(file, given)].join('\n');
  }

  // Where a text is not a secret in a configuration that loads, the configuration shows it, as it must.
  const open = new Set(['a label', 'an address', 'a name in a map of texts']);

  it.each(Object.entries(places))('from %s', (name, text) => {
    for (const value of hostile) {
      for (const env of [{ P: value }, { P_FILE: writeText(value, 'value') }]) {
        const file = writeText(text, 'secret.yaml');
        const said = lintConfig(file, { env }).map(formatConfigIssue).join('\n');
        expect(said).not.toContain(CANARY);
        if (!open.has(name) && said !== '') expect(saidByLoading(file, { env })).not.toContain(CANARY);
      }
    }
  });

  it('from a line of invalid YAML', () => {
    for (const value of hostile) {
      const said = everythingSaid(
        withSasl(`{ mechanism: PLAIN, username: u, password: ${value.replaceAll('\n', ' ')}`),
        { env: {} },
      );
      expect(said).not.toContain(`"${CANARY}`);
      expect(said.split('\n').filter((line) => line.includes(CANARY) && !line.includes('unknown field'))).toEqual([]);
    }
  });

  it('from the half that a comma splits off', () => {
    const text = withSasl(`{ mechanism: PLAIN, username: u, password: abc, ${CANARY} }`);
    expect(everythingSaid(text, { env: {} })).toContain('(7,57) unknown field in input.redpanda.sasl.0');
    expect(everythingSaid(text, { env: {} })).not.toContain(CANARY);
  });

  it('from --set', () => {
    const sets = [
      CANARY,
      `=${CANARY}`,
      `input.redpanda.sasl=[{mechanism: PLAIN, password: "${CANARY}`,
      `http.address=${CANARY}`,
    ];
    for (const set of sets) expect(everythingSaid(MINIMAL, { env: {}, sets: [set] })).not.toContain(CANARY);
  });

  it('from any characters', () => {
    const junk = fc.string({ unit: fc.constantFrom(...'{}[]:,"\'#&*!|>%@`\\\n\t -?ab') });
    const names = Object.entries(places).filter(([name]) => !open.has(name));
    fc.assert(
      fc.property(junk, junk, fc.constantFrom(...names), (before, after, [, text]) => {
        const file = writeText(text, 'secret.yaml');
        const issues = lintConfig(file, { env: { P: `${before}${CANARY}${after}` } });
        expect(issues.map(formatConfigIssue).join()).not.toContain(CANARY);
      }),
      { numRuns: 200 },
    );
  });
});
