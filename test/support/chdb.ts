import { spawnSync } from 'node:child_process';

/** A Python that has ClickHouse in process (PyPI's `chdb`): the one in WADO_TEST_CHDB_PYTHON, or else python3, if it has. */
export function findChdb(): string | undefined {
  const candidates = [process.env.WADO_TEST_CHDB_PYTHON ?? '', 'python3'].filter((path) => path !== '');
  return candidates.find((python) => spawnSync(python, ['-c', 'import chdb'], { stdio: 'ignore' }).status === 0);
}

const SESSION = `
import json, sys
from chdb import session
clickhouse = session.Session()
print(json.dumps([clickhouse.query(sql, 'JSONEachRow').data() for sql in json.load(sys.stdin)]))
`;

/** Runs statements in one session of a new database; resolves to the rows of each. Throws ClickHouse's message. */
export function runClickhouse(python: string, statements: readonly string[]): readonly (readonly Row[])[] {
  const { status, stdout, stderr } = spawnSync(python, ['-c', SESSION], {
    input: JSON.stringify(statements),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr.slice(-2_000));
  const results: readonly string[] = JSON.parse(stdout);
  return results.map((text) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Row => JSON.parse(line)),
  );
}

type Row = Readonly<Record<string, unknown>>;
