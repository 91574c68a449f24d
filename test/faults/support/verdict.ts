/**
 * Checks the evidence of a run against the guarantees. Each check returns one sentence per breach. Pure functions, so that forged evidence
 * can show that each kind of breach is found.
 */
import type { ExpectedKeys, LoadRecord } from '../../../src/testing/load.ts';
import type { Commit } from './commit-log.ts';
import type { Evidence, InputLog, InputPartition, Place, Truncation } from './evidence.ts';

/** Promise 1: what is missing or too much at the end, by name and number. */
export function endProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const optional = deletedUnprocessed(evidence.input);
  const good: Wanted<ExpectedKeys>[] = [];
  const poison: Wanted<string>[] = [];
  for (const { key, expected } of load) {
    if (expected === undefined) poison.push({ of: key, optional: optional.has(key) });
    else good.push({ of: expected, optional: optional.has(key) });
  }
  const by = (name: keyof ExpectedKeys) => good.map(({ of, optional }) => ({ of: of[name], optional }));
  return [
    ...differences('dicom_object_meta', by('traceId'), evidence.objects),
    ...differences('dicom_state_meta', by('series'), evidence.states),
    ...differences('dicom_image_meta', by('instance'), evidence.images),
    ...(evidence.further ?? []).flatMap(({ database, objects, states, images }) => [
      ...differences(`dicom_object_meta of ${database}`, by('traceId'), objects),
      ...differences(`dicom_state_meta of ${database}`, by('series'), states),
      ...differences(`dicom_image_meta of ${database}`, by('instance'), images),
    ]),
    ...differences('the state topic', by('series'), evidence.publishedStates),
    ...differences('the image topic', by('instance'), evidence.publishedImages),
    ...differences('the dead letters', poison, evidence.deadLetters),
    ...neverCommitted(evidence),
  ];
}

/** `optional`: it may be there or not. */
interface Wanted<T> {
  readonly of: T;
  readonly optional: boolean;
}

/** Keys of records that the broker deleted, every one of them, before their offsets were committed. */
function deletedUnprocessed(input: Evidence['input']): ReadonlySet<string> {
  const deleted = new Set<string>();
  const kept = new Set<string>();
  for (const { partitions } of input)
    for (const partition of partitions.values()) {
      const { records, committedAtDeletion = Number.POSITIVE_INFINITY } = partition;
      for (const { offset, key } of records)
        (offset >= committedAtDeletion || isTruncated(partition, offset) ? deleted : kept).add(key);
    }
  return new Set([...deleted].filter((key) => !kept.has(key)));
}

function truncationOf({ truncated }: InputPartition, offset: number): Truncation | undefined {
  return truncated.find(({ from, to }) => offset >= from && offset < to);
}

function isTruncated(partition: InputPartition, offset: number): boolean {
  return truncationOf(partition, offset) !== undefined;
}

function differences(where: string, wanted: readonly Wanted<string>[], found: Place): string[] {
  const all = new Set(wanted.map(({ of }) => of));
  const missing = [...new Set(wanted.flatMap(({ of, optional }) => (optional || found.has(of) ? [] : [of])))];
  const extra = [...found.keys()].filter((key) => !all.has(key));
  return [
    ...(missing.length === 0 ? [] : [`${where}: ${missing.length} of ${all.size} missing, e.g. ${missing[0]}`]),
    ...(extra.length === 0 ? [] : [`${where}: ${extra.length} that were never sent, e.g. ${extra[0]}`]),
  ];
}

function neverCommitted({ input, commits }: Evidence): string[] {
  const current = input.at(-1);
  const since = input.at(-2)?.until ?? 0;
  return [...(current?.partitions ?? [])].flatMap(([partition, { start, end }]) => {
    const own =
      current === undefined ? [] : commitsOf(current, since, commits).filter((each) => each.partition === partition);
    const last = Math.max(start, own.at(-1)?.offset ?? 0);
    return last < end ? [`partition ${partition}: the last commit is ${last}, the end ${end}`] : [];
  });
}

/**
 * Promises 3 and 4: when a commit was accepted, every record below it, and every record that its metadata lists as done, was durable
 * everywhere. No commit goes back, or beyond the end of the
 * log that it was made for: a commit that was meant for the log of a deleted topic does both.
 */
export function commitProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const durableSince = durability(evidence, load);
  const problems: string[] = [];
  if (evidence.commits.length === 0) problems.push('the broker knows of no commit at all');
  let from = Number.NEGATIVE_INFINITY;
  for (const log of evidence.input) {
    problems.push(...logProblems(log, commitsOf(log, from, evidence.commits), durableSince));
    from = log.until;
  }
  return problems;
}

/**
 * The commits that were made for a log. OffsetCommit names no topic id, so a commit for a deleted log may be accepted for the new one: the id
 * in its metadata tells a later member not to start there. Commits without an id belong to the log that existed then.
 */
function commitsOf(log: InputLog, since: number, commits: readonly Commit[]): readonly Commit[] {
  return commits.filter(({ time, topicId }) =>
    topicId === undefined || log.topicId === undefined ? time >= since && time < log.until : topicId === log.topicId,
  );
}

function logProblems(log: InputLog, commits: readonly Commit[], durableSince: (key: string) => number): string[] {
  const problems: string[] = [];
  const last = new Map<number, number>();
  for (const { partition, offset, time, done = [] } of commits) {
    const where = `partition ${partition}`;
    const before = last.get(partition) ?? 0;
    const content = log.partitions.get(partition);
    if (offset < before) problems.push(`${where}: the commit went back from ${before} to ${offset}`);
    if (content !== undefined && offset > content.end)
      problems.push(`${where}: ${offset} was committed, and the log ends at ${content.end}`);
    last.set(partition, offset);
    for (const record of content?.records ?? []) {
      if (!isListed(record.offset, done) || durableSince(record.key) <= time) continue;
      if (content !== undefined && isTruncated(content, record.offset)) continue;
      problems.push(`${where}: ${offset} was committed, with ${record.offset} (${record.key}) as done before it was`);
    }
    for (const record of content?.records ?? []) {
      if (record.offset >= offset) break;
      if (record.offset < before || (content !== undefined && isTruncated(content, record.offset))) continue;
      const since = durableSince(record.key);
      const name = `record ${record.offset} (${record.key})`;
      if (since === Number.POSITIVE_INFINITY)
        problems.push(`${where}: ${offset} was committed, and ${name} is not everywhere`);
      else if (since > time)
        problems.push(`${where}: ${offset} was committed ${since - time} ms before ${name} was everywhere`);
    }
  }
  return problems;
}

function isListed(offset: number, ranges: readonly number[]): boolean {
  return ranges.some((from, i) => i % 2 === 0 && offset >= from && offset < (ranges[i + 1] ?? from));
}

/** Since when the output of a record is in every place that it belongs to; Infinity while one of them lacks it. */
function durability(evidence: Evidence, load: readonly LoadRecord[]): (key: string) => number {
  const expected = new Map(load.map((record) => [record.key, record.expected]));
  return (key) => {
    const keys = expected.get(key);
    const found =
      keys === undefined
        ? [evidence.deadLetters.get(key)]
        : [
            evidence.objects.get(keys.traceId),
            evidence.images.get(keys.instance),
            ...(evidence.further ?? []).flatMap(({ objects, images }) => [
              objects.get(keys.traceId),
              images.get(keys.instance),
            ]),
            evidence.publishedImages.get(keys.instance),
            evidence.publishedStates.get(keys.series),
          ];
    return Math.max(...found.map((each) => each?.since ?? Number.POSITIVE_INFINITY));
  };
}

/**
 * Promise 29: records of the current log that were deleted unprocessed are counted in the members' logs. A member may count more: it doesn't
 * know what an earlier member has processed above the committed offset.
 */
export function skipProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const durableSince = durability(evidence, load);
  const logged = skippedRecords(evidence.logs);
  return [...(evidence.input.at(-1)?.partitions ?? [])].flatMap(([partition, content]) => {
    const deleted = content.records.filter(({ offset }) => truncationOf(content, offset)?.hadOffset === true);
    const missing = deleted.filter(({ key }) => durableSince(key) === Number.POSITIVE_INFINITY).length;
    const counted = logged.get(partition) ?? 0;
    return missing > counted ? [`partition ${partition}: ${missing} records were skipped, ${counted} were logged`] : [];
  });
}

/** By partition: the sum of `skipped` in the lines that report a new position. */
function skippedRecords(logs: readonly string[]): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  for (const line of logs.flatMap((log) => log.split('\n'))) {
    if (!line.includes('"skipped":')) continue;
    const { partition, skipped }: { readonly partition: string; readonly skipped: number } = JSON.parse(line);
    const number = Number(partition.split('/').at(-1));
    sums.set(number, (sums.get(number) ?? 0) + skipped);
  }
  return sums;
}

/** Promise 19, of topics read as committed: an input record that was sent once has one image, or one dead letter. */
export function duplicateProblems(evidence: Evidence, load: readonly LoadRecord[]): readonly string[] {
  const sent = timesSent(evidence);
  return load.flatMap(({ key, expected }) => {
    const [where, found] =
      expected === undefined
        ? ['the dead letters', evidence.deadLetters.get(key)]
        : ['the image topic', evidence.publishedImages.get(expected.instance)];
    const times = found?.times ?? 0;
    const inputs = sent.get(key) ?? 0;
    return times > inputs ? [`${where}: ${key} is there ${times} times, and was sent ${inputs} times`] : [];
  });
}

function timesSent({ input }: Evidence): ReadonlyMap<string, number> {
  const sent = new Map<string, number>();
  for (const { partitions } of input)
    for (const { records } of partitions.values())
      for (const { key } of records) sent.set(key, (sent.get(key) ?? 0) + 1);
  return sent;
}

/**
 * Of a run in which no process, connection or partition was lost: records are not processed twice, so that each input record has about one
 * image. A retry repeats only what was not delivered.
 */
export function republishProblems({ input, publishedImages }: Evidence): readonly string[] {
  const inputs = [...input].flatMap(({ partitions }) => [...partitions.values()].map(({ records }) => records.length));
  const sent = inputs.reduce((sum, count) => sum + count, 0);
  const published = [...publishedImages.values()].reduce((sum, { times }) => sum + times, 0);
  const most = Math.ceil(sent * REPUBLISHED);
  return published > most ? [`the image topic: ${published} records for ${sent} of the input, at most ${most}`] : [];
}

/** A produce request that times out may have been appended: what one request holds is published twice. */
const REPUBLISHED = 1.1;

/** Text that the load's records and files contain about a patient or a path. */
const CANARIES = ['Load^Synthetic', 'LOAD-', '.dcm', '"patient_id":"'];

/** Promise 21: no content of a record in the logs. */
export function privacyProblems({ logs }: Evidence): readonly string[] {
  return logs.flatMap((log, i) =>
    CANARIES.filter((canary) => log.includes(canary)).map((canary) => `the log of member ${i + 1} contains ${canary}`),
  );
}
