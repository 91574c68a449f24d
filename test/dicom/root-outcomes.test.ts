import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Outcome, RootOutcomes } from '../../src/dicom/files/root-outcomes.ts';

const SETTLE_MS = 5_000;

/** A root with a clock that the test moves. */
function createRoot(limits: Partial<ConstructorParameters<typeof RootOutcomes>[0]> = {}) {
  let now = 0;
  const outcomes = new RootOutcomes({ share: 0.95, files: 200, settleMs: SETTLE_MS, ...limits }, () => now);
  const pass = (milliseconds: number) => {
    now += milliseconds;
    outcomes.update();
  };
  /** New files, each with one attempt. */
  const files = (kinds: readonly Outcome[], code?: string) => {
    const made = kinds.map((outcome) => {
      const file = {};
      outcomes.add(file, outcome, code);
      return file;
    });
    outcomes.update();
    return made;
  };
  return { outcomes, pass, files };
}

const times = (count: number, outcome: Outcome) => Array<Outcome>(count).fill(outcome);
/** `percent` of `count` files missing, spread evenly. */
const mixed = (count: number, percent: number) =>
  Array.from({ length: count }, (_, n): Outcome => ((n * percent) % 100 < percent ? 'missing' : 'found'));

describe('a storage root counts as lost when nearly all recent files are missing', () => {
  it('after they had time to become visible', () => {
    const { outcomes, pass, files } = createRoot();
    files(times(200, 'missing'));
    pass(SETTLE_MS - 1);
    expect(outcomes.lost).toBeUndefined();
    pass(1);
    expect(outcomes.lost).toBe('files_missing');
  });

  it('whatever was found before them', () => {
    const { outcomes, pass, files } = createRoot();
    files(times(100_000, 'found'));
    pass(1_000);
    files(times(200, 'missing'));
    pass(SETTLE_MS);
    expect(outcomes.lost).toBe('files_missing');
  });

  it('from 95 % on, not at 94 %', () => {
    const lost = (percent: number) => {
      const { outcomes, pass, files } = createRoot();
      files(mixed(1_000, percent));
      pass(SETTLE_MS);
      return outcomes.lost !== undefined;
    };
    expect([94, 95].map(lost)).toEqual([false, true]);
  });

  it('not with fewer than 200 files', () => {
    const { outcomes, pass, files } = createRoot();
    files(times(199, 'missing'));
    pass(SETTLE_MS);
    expect(outcomes.lost).toBeUndefined();
    files(times(1, 'missing'));
    pass(SETTLE_MS);
    expect(outcomes.lost).toBe('files_missing');
  });

  it('not because of one missing study among good ones', () => {
    const { outcomes, pass, files } = createRoot();
    for (let second = 0; second < 20; second++) {
      files([...times(500, 'missing'), ...times(500, 'found')]);
      pass(1_000);
      expect(outcomes.lost).toBeUndefined();
    }
  });

  it('not when all files become visible a little later than their records', () => {
    const { outcomes, pass, files } = createRoot();
    for (let second = 0; second < 20; second++) {
      const late = files(times(1_000, 'missing'));
      pass(1_000);
      for (const file of late) outcomes.add(file, 'found');
      pass(0);
      expect(outcomes.lost).toBeUndefined();
    }
  });

  it('counting a file once, however often it is tried', () => {
    const { outcomes, pass, files } = createRoot();
    const missing = files([...times(50, 'missing'), ...times(50, 'found')]).slice(0, 50);
    for (let retry = 0; retry < 100; retry++) {
      for (const file of missing) outcomes.add(file, 'missing');
      pass(1_000);
    }
    expect(outcomes.lost).toBeUndefined();
  });

  it('never, when it is turned off', () => {
    const { outcomes, pass, files } = createRoot({ share: undefined });
    files([...times(1_000, 'missing'), ...times(1_000, 'failing')]);
    pass(SETTLE_MS);
    expect(outcomes.lost).toBeUndefined();
  });

  it('as the share and the number of files say, in any order of the outcomes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 100 }),
        (found, percent) => {
          const { outcomes, pass, files } = createRoot({ share: percent / 100, files: 100 });
          files(found.map((each) => (each ? 'found' : 'missing')));
          pass(SETTLE_MS);
          const missing = found.filter((each) => !each).length;
          expect(outcomes.lost !== undefined).toBe(found.length >= 100 && missing >= (percent / 100) * found.length);
        },
      ),
    );
  });
});

describe('a storage root counts as lost when it answers with errors', () => {
  it('to 20 files in a row, under the code of the last error', () => {
    const { outcomes, files } = createRoot();
    files(times(19, 'failing'), 'EIO');
    expect(outcomes.lost).toBeUndefined();
    files(times(1, 'failing'), 'ESTALE');
    expect(outcomes.lost).toBe('ESTALE');
  });

  it('not when one file fails again and again', () => {
    const { outcomes, pass, files } = createRoot();
    const [file = {}] = files(['failing'], 'EIO');
    for (let retry = 0; retry < 100; retry++) {
      outcomes.add(file, 'failing', 'EIO');
      pass(1_000);
    }
    expect(outcomes.lost).toBeUndefined();
  });

  it('not when it answers in between, even if a file is missing', () => {
    for (const answer of ['found', 'missing'] as const) {
      const { outcomes, files } = createRoot();
      for (let round = 0; round < 10; round++) files([...times(19, 'failing'), answer], 'EIO');
      expect(outcomes.lost).toBeUndefined();
    }
  });

  it('until it answers again', () => {
    for (const answer of ['found', 'missing'] as const) {
      const { outcomes, pass, files } = createRoot();
      files(times(20, 'failing'), 'EIO');
      pass(10_000);
      expect(outcomes.lost).toBe('EIO');
      files([answer]);
      pass(2_000);
      expect(outcomes.lost).toBeUndefined();
    }
  });
});

describe('a lost storage root', () => {
  function lostRoot() {
    const root = createRoot();
    const missing = root.files(times(1_000, 'missing'));
    root.pass(SETTLE_MS);
    expect(root.outcomes.lost).toBe('files_missing');
    return { ...root, missing };
  }

  it('stays lost while its files are missing', () => {
    const { outcomes, pass, missing } = lostRoot();
    for (let second = 0; second < 100; second++) {
      for (const file of missing.slice(0, 32)) outcomes.add(file, 'missing');
      pass(1_000);
      expect(outcomes.lost).toBe('files_missing');
    }
  });

  it('works again when its files are found', () => {
    const { outcomes, pass, missing } = lostRoot();
    for (const file of missing.slice(0, 20)) outcomes.add(file, 'found');
    pass(0);
    expect(outcomes.lost).toBeUndefined();
  });

  it('works again when some files are found and others never appear', () => {
    const { outcomes, pass, missing } = lostRoot();
    missing.slice(0, 20).forEach((file, n) => {
      outcomes.add(file, n % 5 === 0 ? 'found' : 'missing');
    });
    pass(0);
    expect(outcomes.lost).toBeUndefined();
  });

  it('works again when new files are found, though more of the missing ones are tried than new ones arrive', () => {
    const { outcomes, pass, files, missing } = lostRoot();
    for (let second = 0; second < 20; second++) {
      for (const file of missing.slice(0, 32)) outcomes.add(file, 'missing');
      files(times(1, 'found'));
      pass(1_000);
    }
    expect(outcomes.lost).toBeUndefined();
  });

  it('stays lost when one new file in 20 is found', () => {
    const { outcomes, pass, files, missing } = lostRoot();
    for (let second = 0; second < 100; second++) {
      for (const file of missing.slice(0, 32)) outcomes.add(file, 'missing');
      files(times(1, second % 20 === 7 ? 'found' : 'missing'));
      pass(1_000);
      expect(outcomes.lost).toBe('files_missing');
    }
  });

  it('works again after a while when fewer than 20 files are left', () => {
    const { outcomes, pass, missing } = lostRoot();
    for (const file of missing.slice(0, 3)) outcomes.add(file, 'found');
    pass(2_000);
    expect(outcomes.lost).toBeUndefined();
  });

  it('does not flap because one file in 20 is found', () => {
    const { outcomes, pass, missing } = lostRoot();
    missing.slice(0, 20).forEach((file, n) => {
      outcomes.add(file, n === 7 ? 'found' : 'missing');
    });
    pass(0);
    expect(outcomes.lost).toBe('files_missing');
  });

  it('counts as lost again when its files are missing again', () => {
    const { outcomes, pass, files, missing } = lostRoot();
    for (const file of missing.slice(0, 20)) outcomes.add(file, 'found');
    pass(0);
    for (const file of missing.slice(20)) outcomes.add(file, 'missing');
    files(times(10, 'missing'));
    pass(SETTLE_MS);
    expect(outcomes.lost).toBe('files_missing');
  });
});
