import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callCommand, type Ended } from '../support/command.ts';
import { findConnect } from '../support/connect.ts';

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/wado-consumer.cjs', import.meta.url));
const connect = findConnect();

const folder = mkdtempSync(path.join(tmpdir(), 'lint-'));
mkdirSync(path.join(folder, 'below'));
const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
const broken = 'input: {}\nbogus: 1\n';
write('broken.yaml', broken);
write('below/broken.yml', broken);
write('below/notes.txt', broken);
write('empty.env', '');

const BOTH = { input: { redpanda: { seed_brokers: ['b:1'], topics: ['t'], consumer_group: 'g' } } };
const OUTPUT = { redpanda: { seed_brokers: ['b:1'], topic: 't' } };

/** Names of files are relative to the folder. */
const started = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => process.chdir(started));

function run(command: string, args: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}
const ours = (...args: readonly string[]) => callCommand(['lint', ...args]);

/** The files and lines that are reported; each line of stderr must have the form `file(line,column) message`. */
function reported(stderr: string): readonly string[] {
  const lines = stderr.split('\n').filter((line) => line !== '');
  return lines.map((line) => /^(\S+\(\d+),\d+\) \S.*$/.exec(line)?.[1] ?? `not a finding: ${line}`);
}

describe('lint', { timeout: 60_000 }, () => {
  it('prints every finding of every file to stderr, nothing to stdout, and exits with 1', () => {
    const args = ['lint', 'broken.yaml', 'below/broken.yml', 'missing.yaml'];
    const { code, stdout, stderr } = run(process.execPath, [COMMAND, ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(new Set(reported(stderr))).toEqual(
      new Set(['broken.yaml(1', 'broken.yaml(2', 'below/broken.yml(1', 'below/broken.yml(2', 'missing.yaml(1']),
    );
  });

  it('prints all findings of a large file to a slow reader', async () => {
    const fields = Array.from({ length: 3_000 }, (_, n) => `bogus_field_with_a_long_name_${n}: 1\n`);
    write('large.yaml', fields.join(''));
    const child = spawn(process.execPath, [COMMAND, 'lint', 'large.yaml'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const chunks: Buffer[] = [];
    setTimeout(() => child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk)), 500);
    await once(child, 'close');
    expect(String(Buffer.concat(chunks)).match(/bogus_field/g)).toHaveLength(3_000);
  });

  it('checks every .yaml and .yml file below a folder, each once', async () => {
    const { code, stdout } = await ours('--verbose', 'below/...', 'below/broken.yml', 'broken.yaml');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'below/broken.yml: FAILED\nbroken.yaml: FAILED\n' });
  });

  it('says so when the folder cannot be read', async () => {
    const stderr = 'wado-consumer: nowhere/ cannot be read (ENOENT)\n';
    expect(await ours('nowhere/...')).toMatchObject({ code: 1, stderr });
  });

  it('prints nothing for a valid file, and its result with --verbose', async () => {
    const shipped = fileURLToPath(new URL('../../redpanda.yaml', import.meta.url));
    expect(await ours(shipped)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await ours('--verbose', shipped)).toEqual({ code: 0, stdout: `${shipped}: OK\n`, stderr: '' });
    expect((await ours('--labels', '--deprecated', '--skip-env-var-check', shipped)).code).toBe(1);
  });
});

describe.skipIf(connect === undefined)('lint beside a real Redpanda Connect', { timeout: 60_000 }, () => {
  write('group.yaml', JSON.stringify({ ...BOTH, output: OUTPUT, bogus: 1 }));
  const SCALAR = { redpanda: { seed_brokers: 'a:1,b:2', topics: 't', consumer_group: 'g' } };
  write('scalar.yaml', JSON.stringify({ input: SCALAR, output: OUTPUT }, null, 1));
  write('not-yaml.yaml', 'input:\n  a: [');

  it.each([
    ['an unknown field', ['group.yaml']],
    ['a missing file', ['missing.yaml']],
    ['text that is not YAML', ['not-yaml.yaml']],
    ['two files', ['group.yaml', 'not-yaml.yaml']],
    ['every file below a folder', ['--verbose', 'below/...']],
    ['a missing file of variables', ['-e', 'missing.env', 'group.yaml']],
  ])('uses the same streams, exit code and files for %s', async (_, args) => {
    const [we, they] = [await ours(...args), run(connect ?? '', ['lint', ...args])];
    const files = ({ stderr }: Ended) => new Set(reported(stderr).map((each) => each.replace(/\(\d+$/, '')));
    expect({ code: we.code, stdout: we.stdout }).toEqual({ code: they.code, stdout: they.stdout });
    if (they.stderr.startsWith('failed to read dotenv file')) expect(reported(we.stderr)).toEqual(['missing.env(1']);
    else expect(files(we)).toEqual(files(they));
  });

  it('refuses a string in place of a list of brokers or topics, as it does', async () => {
    const of = ({ stderr }: Ended) => new Set(reported(stderr));
    const they = of(run(connect ?? '', ['lint', 'scalar.yaml']));
    const refused = ['scalar.yaml(4', 'scalar.yaml(5'];
    expect([...they]).toEqual(expect.arrayContaining(refused));
    expect([...of(await ours('scalar.yaml'))]).toEqual(expect.arrayContaining(refused));
  });
});
