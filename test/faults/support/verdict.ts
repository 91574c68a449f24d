/** What the promises say of the evidence. Pure, so that forged evidence shows that each breach is seen. Returns sentences; none is good. */
import type { LoadRecord } from '../../../src/testing/load.ts';
import type { Evidence, Place } from './evidence.ts';

/** Promise 1: what is missing or too much at the end, by name and number. */
export function endProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const good = load.flatMap((record) => (record.expected === undefined ? [] : [record.expected]));
  const series = new Set(good.map((keys) => keys.series));
  const instances = new Set(good.map((keys) => keys.instance));
  const poison = new Set(load.filter((record) => record.expected === undefined).map((record) => record.key));
  return [
    ...differences('dicom_object_meta', new Set(good.map((keys) => keys.traceId)), evidence.objects),
    ...differences('dicom_state_meta', series, evidence.states),
    ...differences('dicom_image_meta', instances, evidence.images),
    ...differences('the state topic', series, evidence.publishedStates),
    ...differences('the image topic', instances, evidence.publishedImages),
    ...differences('the dead letters', poison, evidence.deadLetters),
    ...neverCommitted(evidence),
  ];
}

function differences(where: string, wanted: ReadonlySet<string>, found: Place): string[] {
  const missing = [...wanted].filter((key) => !found.has(key));
  const extra = [...found.keys()].filter((key) => !wanted.has(key));
  return [
    ...(missing.length === 0 ? [] : [`${where}: ${missing.length} of ${wanted.size} missing, e.g. ${missing[0]}`]),
    ...(extra.length === 0 ? [] : [`${where}: ${extra.length} that were never sent, e.g. ${extra[0]}`]),
  ];
}

function neverCommitted({ input, commits }: Evidence): string[] {
  return [...input].flatMap(([partition, records]) => {
    const end = (records.at(-1)?.offset ?? -1) + 1;
    const last = commits.filter((commit) => commit.partition === partition).at(-1)?.offset ?? 0;
    return last < end ? [`partition ${partition}: the last commit is ${last}, the end ${end}`] : [];
  });
}

/** Promises 3 and 4: no commit ever was beyond what was durable everywhere at that moment, and none went back. */
export function commitProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const expected = new Map(load.map((record) => [record.key, record.expected]));
  const durableSince = (key: string): number => {
    const keys = expected.get(key);
    const found =
      keys === undefined
        ? [evidence.deadLetters.get(key)]
        : [
            evidence.objects.get(keys.traceId),
            evidence.images.get(keys.instance),
            evidence.publishedImages.get(keys.instance),
            evidence.publishedStates.get(keys.series),
          ];
    return Math.max(...found.map((each) => each?.since ?? Number.POSITIVE_INFINITY));
  };

  const problems: string[] = [];
  if (evidence.commits.length === 0) problems.push('the broker knows of no commit at all');
  const last = new Map<number, number>();
  for (const { partition, offset, time } of evidence.commits) {
    const before = last.get(partition) ?? 0;
    if (offset < before) problems.push(`partition ${partition}: the commit went back from ${before} to ${offset}`);
    last.set(partition, offset);
    for (const record of evidence.input.get(partition) ?? []) {
      if (record.offset >= offset) break;
      if (record.offset < before) continue;
      const since = durableSince(record.key);
      if (since === Number.POSITIVE_INFINITY)
        problems.push(
          `partition ${partition}: ${offset} was committed, and record ${record.offset} (${record.key}) is not everywhere`,
        );
      else if (since > time)
        problems.push(
          `partition ${partition}: ${offset} was committed ${since - time} ms before record ${record.offset} (${record.key}) was everywhere`,
        );
    }
  }
  return problems;
}

/** Promise 19, of topics read as committed: an input that stands in the log once has its image, or its dead letter, there once. */
export function duplicateProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const sent = new Map<string, number>();
  for (const records of evidence.input.values()) for (const { key } of records) sent.set(key, (sent.get(key) ?? 0) + 1);
  return load.flatMap(({ key, expected }) => {
    const [where, found] =
      expected === undefined
        ? ['the dead letters', evidence.deadLetters.get(key)]
        : ['the image topic', evidence.publishedImages.get(expected.instance)];
    const times = found?.times ?? 0;
    const inputs = sent.get(key) ?? 0;
    return times > inputs ? [`${where}: ${key} stands there ${times} times, and was sent ${inputs} times`] : [];
  });
}

/** What the load's records say of a patient, or of where a file lies. */
const CANARIES = ['Load^Synthetic', 'LOAD-', '.dcm', '"patient_id":"'];

/** Promise 21, of the logs: no record's content in them. */
export function privacyProblems({ logs }: Evidence): readonly string[] {
  return logs.flatMap((log, i) =>
    CANARIES.filter((canary) => log.includes(canary)).map((canary) => `the log of member ${i + 1} holds ${canary}`),
  );
}
