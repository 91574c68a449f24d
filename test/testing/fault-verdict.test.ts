import { describe, expect, it } from 'vitest';
import type { LoadRecord } from '../../src/testing/load.ts';
import type { Evidence, Place } from '../faults/support/evidence.ts';
import { commitProblems, duplicateProblems, endProblems, privacyProblems } from '../faults/support/verdict.ts';

const good = (n: number): LoadRecord => ({
  key: `trace-${n}`,
  value: '',
  expected: { traceId: `trace-${n}`, series: `series-${n}`, instance: `instance-${n}` },
});
const poison: LoadRecord = { key: 'poison', value: '', expected: undefined };
const LOAD = [good(1), good(2), poison];

/** Everything was durable at 100 and committed at 200. */
function honest(): Evidence {
  const place = (...keys: string[]): Place => new Map(keys.map((key) => [key, { since: 100, times: 1 }]));
  return {
    objects: place('trace-1', 'trace-2'),
    states: place('series-1', 'series-2'),
    images: place('instance-1', 'instance-2'),
    publishedStates: place('series-1', 'series-2'),
    publishedImages: place('instance-1', 'instance-2'),
    deadLetters: place('poison'),
    input: new Map([[0, [1, 2, 3].map((n) => ({ offset: n - 1, key: LOAD[n - 1]?.key ?? '' }))]]),
    commits: [
      { partition: 0, offset: 1, time: 150 },
      { partition: 0, offset: 3, time: 200 },
    ],
    logs: ['{"msg":"batch committed"}'],
  };
}

const without = (place: Place, key: string): Place => new Map([...place].filter(([each]) => each !== key));
const having = (place: Place, key: string, since = 100, times = 1): Place =>
  new Map([...place, [key, { since, times }]]);

describe("the fault suite's verdict", () => {
  it('finds nothing wrong where nothing is', () => {
    const evidence = honest();
    expect(endProblems(evidence, LOAD)).toEqual([]);
    expect(commitProblems(evidence, LOAD)).toEqual([]);
    expect(duplicateProblems(evidence, LOAD)).toEqual([]);
    expect(privacyProblems(evidence)).toEqual([]);
  });

  it.each([
    ['objects', 'trace-2', 'dicom_object_meta'],
    ['states', 'series-2', 'dicom_state_meta'],
    ['images', 'instance-2', 'dicom_image_meta'],
    ['publishedStates', 'series-2', 'the state topic'],
    ['publishedImages', 'instance-2', 'the image topic'],
    ['deadLetters', 'poison', 'the dead letters'],
  ] as const)('names what is missing from, and what is too much in, %s', (place, key, name) => {
    const evidence = honest();
    expect(endProblems({ ...evidence, [place]: without(evidence[place], key) }, LOAD)).toEqual([
      expect.stringContaining(`${name}: 1 of`),
    ]);
    expect(endProblems({ ...evidence, [place]: having(evidence[place], 'stranger') }, LOAD)).toEqual([
      `${name}: 1 that were never sent, e.g. stranger`,
    ]);
  });

  it('sees a good record that was given up as a dead letter', () => {
    const evidence = honest();
    expect(endProblems({ ...evidence, deadLetters: having(evidence.deadLetters, 'trace-1') }, LOAD)).toEqual([
      'the dead letters: 1 that were never sent, e.g. trace-1',
    ]);
  });

  it('sees a commit that never reached the end', () => {
    const evidence = honest();
    expect(endProblems({ ...evidence, commits: evidence.commits.slice(0, 1) }, LOAD)).toEqual([
      'partition 0: the last commit is 1, the end 3',
    ]);
  });

  it.each(['objects', 'images', 'publishedStates', 'publishedImages'] as const)(
    'sees a commit that came before its record stood in %s, and by how much',
    (place) => {
      const evidence = honest();
      const key = [...evidence[place].keys()][1] ?? '';
      expect(commitProblems({ ...evidence, [place]: having(evidence[place], key, 203) }, LOAD)).toEqual([
        'partition 0: 3 was committed 3 ms before record 1 (trace-2) was everywhere',
      ]);
      expect(commitProblems({ ...evidence, [place]: without(evidence[place], key) }, LOAD)).toEqual([
        'partition 0: 3 was committed, and record 1 (trace-2) is not everywhere',
      ]);
    },
  );

  it('sees a commit past a poison record whose dead letter was not there yet', () => {
    const evidence = honest();
    expect(commitProblems({ ...evidence, deadLetters: having(evidence.deadLetters, 'poison', 201) }, LOAD)).toEqual([
      'partition 0: 3 was committed 1 ms before record 2 (poison) was everywhere',
    ]);
  });

  it('sees a commit that goes back, and that there is none at all', () => {
    const evidence = honest();
    const back = [...evidence.commits, { partition: 0, offset: 2, time: 300 }];
    expect(commitProblems({ ...evidence, commits: back }, LOAD)).toEqual([
      'partition 0: the commit went back from 3 to 2',
    ]);
    expect(commitProblems({ ...evidence, commits: [] }, LOAD)).toEqual(['the broker knows of no commit at all']);
  });

  it('sees an output that stands in a topic more often than its input', () => {
    const evidence = honest();
    const images = having(evidence.publishedImages, 'instance-1', 100, 2);
    const deadLetters = having(evidence.deadLetters, 'poison', 100, 2);
    expect(duplicateProblems({ ...evidence, publishedImages: images, deadLetters }, LOAD)).toEqual([
      'the image topic: trace-1 stands there 2 times, and was sent 1 times',
      'the dead letters: poison stands there 2 times, and was sent 1 times',
    ]);
  });

  it("sees a record's content in a log", () => {
    const logs = ['{"msg":"started"}', '{"err":"ENOENT /store/1.2.3.dcm"}'];
    expect(privacyProblems({ ...honest(), logs })).toEqual(['the log of member 2 holds .dcm']);
  });
});
