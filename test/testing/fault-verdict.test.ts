import { describe, expect, it } from 'vitest';
import type { LoadRecord } from '../../src/testing/load.ts';
import type { Evidence, InputLog, InputPartition, Place } from '../faults/support/evidence.ts';
import {
  commitProblems,
  duplicateProblems,
  endProblems,
  privacyProblems,
  republishProblems,
  skipProblems,
} from '../faults/support/verdict.ts';

const good = (n: number): LoadRecord => ({
  key: `trace-${n}`,
  value: '',
  expected: { traceId: `trace-${n}`, series: `series-${n}`, instance: `instance-${n}` },
});
const poison: LoadRecord = { key: 'poison', value: '', expected: undefined };
const LOAD = [good(1), good(2), poison];

/** One partition from offset 0 on, one record per key. */
function partition(keys: readonly string[], changes: Partial<InputPartition> = {}): InputPartition {
  const records = keys.map((key, offset) => ({ offset, key }));
  return { start: 0, end: keys.length, records, truncated: [], ...changes };
}

const deleted = (from: number, to: number, hadOffset = true) => ({ from, to, hadOffset });

const log = (...partitions: readonly (readonly [number, InputPartition])[]): InputLog => ({
  until: Number.POSITIVE_INFINITY,
  partitions: new Map(partitions),
});

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
    input: [log([0, partition(['trace-1', 'trace-2', 'poison'])])],
    commits: [
      { partition: 0, offset: 1, time: 150 },
      { partition: 0, offset: 3, time: 200 },
    ],
    logs: ['{"msg":"started"}'],
  };
}

const without = (place: Place, key: string): Place => new Map([...place].filter(([each]) => each !== key));
const having = (place: Place, key: string, since = 100, times = 1): Place =>
  new Map([...place, [key, { since, times }]]);

describe("the fault suite's verdict", () => {
  it('finds no problem in the evidence of a correct run', () => {
    const evidence = honest();
    expect(endProblems(evidence, LOAD)).toEqual([]);
    expect(commitProblems(evidence, LOAD)).toEqual([]);
    expect(duplicateProblems(evidence, LOAD)).toEqual([]);
    expect(republishProblems(evidence)).toEqual([]);
    expect(skipProblems(evidence, LOAD)).toEqual([]);
    expect(privacyProblems(evidence)).toEqual([]);
  });

  it.each([
    ['objects', 'trace-2', 'dicom_object_meta'],
    ['states', 'series-2', 'dicom_state_meta'],
    ['images', 'instance-2', 'dicom_image_meta'],
    ['publishedStates', 'series-2', 'the state topic'],
    ['publishedImages', 'instance-2', 'the image topic'],
    ['deadLetters', 'poison', 'the dead letters'],
  ] as const)('names what is missing from %s, and what is there without having been sent', (place, key, name) => {
    const evidence = honest();
    expect(endProblems({ ...evidence, [place]: without(evidence[place], key) }, LOAD)).toEqual([
      expect.stringContaining(`${name}: 1 of`),
    ]);
    expect(endProblems({ ...evidence, [place]: having(evidence[place], 'stranger') }, LOAD)).toEqual([
      `${name}: 1 that were never sent, e.g. stranger`,
    ]);
  });

  it('finds a good record that was dead-lettered', () => {
    const evidence = honest();
    expect(endProblems({ ...evidence, deadLetters: having(evidence.deadLetters, 'trace-1') }, LOAD)).toEqual([
      'the dead letters: 1 that were never sent, e.g. trace-1',
    ]);
  });

  it('finds a partition that was not committed up to its end', () => {
    const evidence = honest();
    expect(endProblems({ ...evidence, commits: evidence.commits.slice(0, 1) }, LOAD)).toEqual([
      'partition 0: the last commit is 1, the end 3',
    ]);
  });

  it.each(['objects', 'images', 'publishedStates', 'publishedImages'] as const)(
    'finds a commit that was accepted before its record was in %s, and how long before',
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

  it('finds what is missing in a further database, and a commit that was accepted before its record was there', () => {
    const evidence = honest();
    const { objects, states, images } = evidence;
    const withSecond = (changed: Partial<Evidence>): Evidence => ({
      ...evidence,
      further: [{ database: 'mysql', objects, states, images, ...changed }],
    });
    expect(endProblems(withSecond({}), LOAD)).toEqual([]);
    expect(commitProblems(withSecond({}), LOAD)).toEqual([]);
    expect(endProblems(withSecond({ states: without(states, 'series-2') }), LOAD)).toEqual([
      'dicom_state_meta of mysql: 1 of 2 missing, e.g. series-2',
    ]);
    for (const changed of [{ images: having(images, 'instance-2', 203) }, { objects: having(objects, 'trace-2', 203) }])
      expect(commitProblems(withSecond(changed), LOAD)).toEqual([
        'partition 0: 3 was committed 3 ms before record 1 (trace-2) was everywhere',
      ]);
  });

  it('finds a commit past a poison record whose dead letter was not acknowledged yet', () => {
    const evidence = honest();
    expect(commitProblems({ ...evidence, deadLetters: having(evidence.deadLetters, 'poison', 201) }, LOAD)).toEqual([
      'partition 0: 3 was committed 1 ms before record 2 (poison) was everywhere',
    ]);
  });

  it('finds an offset that was listed as done before its record was everywhere', () => {
    const evidence = honest();
    const listed = (time: number) => ({
      ...evidence,
      commits: [{ partition: 0, offset: 1, time, done: [2, 3] }, ...evidence.commits.slice(1)],
    });
    expect(commitProblems(listed(150), LOAD)).toEqual([]);
    const late = { ...listed(150), deadLetters: having(evidence.deadLetters, 'poison', 151) };
    expect(commitProblems(late, LOAD)).toEqual(['partition 0: 1 was committed, with 2 (poison) as done before it was']);
    expect(commitProblems({ ...late, commits: evidence.commits }, LOAD)).toEqual([]);
  });

  it('finds a commit that went back, and that there is none at all', () => {
    const evidence = honest();
    const back = [...evidence.commits, { partition: 0, offset: 2, time: 300 }];
    expect(commitProblems({ ...evidence, commits: back }, LOAD)).toEqual([
      'partition 0: the commit went back from 3 to 2',
    ]);
    expect(commitProblems({ ...evidence, commits: [] }, LOAD)).toEqual(['the broker knows of no commit at all']);
  });

  it('finds an output that is in a topic more often than its input', () => {
    const evidence = honest();
    const images = having(evidence.publishedImages, 'instance-1', 100, 2);
    const deadLetters = having(evidence.deadLetters, 'poison', 100, 2);
    expect(duplicateProblems({ ...evidence, publishedImages: images, deadLetters }, LOAD)).toEqual([
      'the image topic: trace-1 is there 2 times, and was sent 1 times',
      'the dead letters: poison is there 2 times, and was sent 1 times',
    ]);
  });

  it('finds more images than a retry of undelivered records would publish', () => {
    const evidence = honest();
    const images = having(evidence.publishedImages, 'instance-1', 100, 4);
    expect(republishProblems({ ...evidence, publishedImages: images })).toEqual([
      'the image topic: 5 records for 3 of the input, at most 4',
    ]);
  });

  it("finds a record's content in a log", () => {
    const logs = ['{"msg":"started"}', '{"err":"ENOENT /store/1.2.3.dcm"}'];
    expect(privacyProblems({ ...honest(), logs })).toEqual(['the log of member 2 contains .dcm']);
  });
});

describe("the fault suite's verdict on records that the broker deleted", () => {
  const TRACE_2 = ['objects', 'images', 'publishedImages', 'states', 'publishedStates'] as const;

  /** As if the record trace-2 had never been processed. */
  function withoutRecord2(evidence: Evidence): Evidence {
    const names = { objects: 'trace-2', images: 'instance-2', publishedImages: 'instance-2' };
    const series = { states: 'series-2', publishedStates: 'series-2' };
    const keys = { ...names, ...series };
    return {
      ...evidence,
      ...Object.fromEntries(TRACE_2.map((place) => [place, without(evidence[place], keys[place])])),
    };
  }

  /** Record 1 of the partition was deleted uncommitted; the log begins at 2. */
  const TRUNCATED = log([0, partition(['trace-1', 'trace-2', 'poison'], { start: 2, truncated: [deleted(1, 2)] })]);

  it('accepts that a record is missing that was deleted before its offset was committed', () => {
    const evidence = { ...honest(), input: [TRUNCATED] };
    for (const each of [evidence, withoutRecord2(evidence)]) {
      expect(endProblems(each, LOAD)).toEqual([]);
      expect(commitProblems(each, LOAD)).toEqual([]);
    }
  });

  it('finds a missing record beside the deleted ones, and one that was sent again and kept', () => {
    const missing = withoutRecord2(honest());
    const other = log([0, partition(['trace-1', 'trace-2', 'poison'], { truncated: [deleted(0, 1)] })]);
    const again = log(
      [0, partition(['trace-1', 'trace-2', 'poison'], { truncated: [deleted(1, 2)] })],
      [1, partition(['trace-2'])],
    );
    for (const input of [[other], [again]]) {
      expect(endProblems({ ...missing, input }, LOAD)).toContain('dicom_object_meta: 1 of 2 missing, e.g. trace-2');
      expect(commitProblems({ ...missing, input: [other] }, LOAD)).toContain(
        'partition 0: 3 was committed, and record 1 (trace-2) is not everywhere',
      );
    }
  });

  it('finds a skipped record that no member has logged, and none where it was logged or processed', () => {
    const evidence = { ...honest(), input: [TRUNCATED] };
    const skipped = (partition: number, count: number) =>
      `{"msg":"started"}\n{"partition":"topic.in/${partition}","reason":"retention","skipped":${count}}\n`;
    expect(skipProblems(evidence, LOAD)).toEqual([]);
    for (const logs of [[], [skipped(1, 1)], [skipped(0, 0)]])
      expect(skipProblems({ ...withoutRecord2(evidence), logs }, LOAD)).toEqual([
        `partition 0: 1 records were skipped, 0 were logged`,
      ]);
    expect(skipProblems({ ...withoutRecord2(evidence), logs: ['', skipped(0, 1)] }, LOAD)).toEqual([]);
    const beforeTheFirstCommit = log([
      0,
      partition(['trace-1', 'trace-2', 'poison'], { truncated: [deleted(1, 2, false)] }),
    ]);
    expect(skipProblems({ ...withoutRecord2(evidence), input: [beforeTheFirstCommit] }, LOAD)).toEqual([]);
  });

  it('requires no commit of a partition whose records were all deleted, and one of a partition with a record', () => {
    const evidence = { ...honest(), commits: honest().commits.slice(0, 1) };
    const all = partition(['trace-1', 'trace-2', 'poison'], { start: 3, truncated: [deleted(1, 3)] });
    expect(endProblems({ ...evidence, input: [log([0, all])] }, LOAD)).toEqual([]);
    expect(endProblems({ ...evidence, input: [TRUNCATED] }, LOAD)).toEqual([
      'partition 0: the last commit is 2, the end 3',
    ]);
  });
});

describe("the fault suite's verdict on a topic that was deleted and created again", () => {
  const old = (changes: Partial<InputPartition>): InputLog => ({
    until: 175,
    partitions: new Map([[0, partition(['trace-1', 'trace-2'], changes)]]),
  });
  /** Committed up to 2 in the old log, up to 1 in the new one. */
  const RECREATED: Evidence = {
    ...honest(),
    input: [old({ committedAtDeletion: 2 }), log([0, partition(['poison'])])],
    commits: [
      { partition: 0, offset: 2, time: 150 },
      { partition: 0, offset: 0, time: 180 },
      { partition: 0, offset: 1, time: 200 },
    ],
  };

  it('accepts that offsets begin at 0 in the new log', () => {
    expect(endProblems(RECREATED, LOAD)).toEqual([]);
    expect(commitProblems(RECREATED, LOAD)).toEqual([]);
  });

  it('finds an offset of the old log that was committed in the new one', () => {
    const commits = [...RECREATED.commits.slice(0, 1), { partition: 0, offset: 2, time: 180 }];
    expect(commitProblems({ ...RECREATED, commits }, LOAD)).toEqual([
      'partition 0: 2 was committed, and the log ends at 1',
    ]);
    const later = having(RECREATED.deadLetters, 'poison', 190);
    expect(commitProblems({ ...RECREATED, commits, deadLetters: later }, LOAD)).toContain(
      'partition 0: 2 was committed 10 ms before record 0 (poison) was everywhere',
    );
  });

  it('accepts an offset of the old log in the new one when its metadata names the old topic, and no other', () => {
    const input = RECREATED.input.map((each, i) => ({ ...each, topicId: i === 0 ? 'old' : 'new' }));
    const commits = (topicId: string) => [
      { partition: 0, offset: 2, time: 180, topicId },
      { partition: 0, offset: 1, time: 200, topicId: 'new' },
    ];
    expect(commitProblems({ ...RECREATED, input, commits: commits('old') }, LOAD)).toEqual([]);
    expect(commitProblems({ ...RECREATED, input, commits: commits('new') }, LOAD)).toEqual([
      'partition 0: 2 was committed, and the log ends at 1',
      'partition 0: the commit went back from 2 to 1',
    ]);
  });

  it('finds a commit that went back within the new log', () => {
    const commits = [...RECREATED.commits, { partition: 0, offset: 0, time: 210 }];
    expect(commitProblems({ ...RECREATED, commits }, LOAD)).toEqual(['partition 0: the commit went back from 1 to 0']);
  });

  it('finds that the new log was not committed up to its end, whatever was committed in the old one', () => {
    const commits = RECREATED.commits.slice(0, 1);
    expect(endProblems({ ...RECREATED, commits }, LOAD)).toEqual(['partition 0: the last commit is 0, the end 1']);
  });

  it('accepts that a record is missing that the old log contained above its last commit, and no other', () => {
    const lacking = { ...RECREATED, objects: without(RECREATED.objects, 'trace-2') };
    const input = [old({ committedAtDeletion: 1 }), ...RECREATED.input.slice(1)];
    expect(endProblems({ ...lacking, input }, LOAD)).toEqual([]);
    expect(endProblems(lacking, LOAD)).toEqual(['dicom_object_meta: 1 of 2 missing, e.g. trace-2']);
  });
});
