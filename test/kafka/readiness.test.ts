import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Readiness } from '../../src/kafka/consumer/readiness.ts';

const up = { brokers: { 'b:1/1': { state: 'UP' } } };
const member = { ...up, cgrp: { state: 'up', join_state: 'steady', assignment_size: 0 } };
const joining = { ...up, cgrp: { state: 'up', join_state: 'wait-join', assignment_size: 0 } };
const noCoordinator = { ...up, cgrp: { state: 'wait-coord', join_state: 'init', assignment_size: 0 } };
const topic = { topic: 't', id: 'x', partitions: 1 };
const missing = { topic: 't', id: undefined, partitions: 0, error: 'ERR_UNKNOWN_TOPIC_OR_PART' };

function setUp() {
  const reports: (string | undefined)[] = [];
  const readiness = new Readiness((problem) => reports.push(problem));
  return { readiness, now: () => reports.at(-1), reports };
}

describe('the readiness of the input', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('begins with an assignment, even an empty one, not with the connection', () => {
    const { readiness, now } = setUp();
    readiness.connected();
    readiness.statistics(joining);
    expect(now()).toBe('joining_group');
    readiness.assigned();
    expect(now()).toBeUndefined();
    const other = setUp();
    other.readiness.statistics(member);
    expect(other.now()).toBeUndefined();
  });

  it('names the coordinator while there is none', () => {
    const { readiness, now } = setUp();
    readiness.statistics(noCoordinator);
    expect(now()).toBe('ERR_COORDINATOR_NOT_AVAILABLE');
  });

  it('ends while an assigned partition is not read, though records of others arrive', () => {
    const { readiness, now } = setUp();
    readiness.assigned();
    readiness.stalled(['t/0', 't/3']);
    readiness.works();
    readiness.statistics(member);
    expect(now()).toBe('partition_stalled:t/0,t/3');
    readiness.stalled([]);
    expect(now()).toBeUndefined();
  });

  it('survives a rebalance, but not one that never ends', () => {
    const { readiness, now } = setUp();
    readiness.assigned();
    readiness.statistics(joining);
    expect(now()).toBeUndefined();
    vi.advanceTimersByTime(60_000);
    readiness.statistics(joining);
    expect(now()).toBe('joining_group');
    readiness.statistics(member);
    expect(now()).toBeUndefined();
  });

  it('ends while a topic is missing, and begins again when the topic exists', () => {
    const { readiness, now } = setUp();
    readiness.assigned();
    readiness.described([topic, missing]);
    expect(now()).toBe('ERR_UNKNOWN_TOPIC_OR_PART:t');
    // A connection is no topic.
    readiness.statistics(member);
    readiness.works();
    expect(now()).toBe('ERR_UNKNOWN_TOPIC_OR_PART:t');
    readiness.described([topic]);
    expect(now()).toBeUndefined();
  });

  it.each([
    ['an error of the connection, which a connection solves', 'ERR__TRANSPORT', undefined],
    ["a broker's refusal, which a connection doesn't solve", 'ERR_GROUP_AUTHORIZATION_FAILED', 'same'],
    ['a wrong address, which another connection does not solve', 'advertised_host_unresolved:a:1', 'same'],
  ])('ends with %s', (_, problem, expected) => {
    const { readiness, now } = setUp();
    readiness.assigned();
    readiness.failed(problem);
    expect(now()).toBe(problem);
    readiness.statistics({ ...joining });
    expect(now()).toBe(expected === 'same' ? problem : expected);
    readiness.works();
    expect(now()).toBeUndefined();
  });

  it('needs known start offsets', () => {
    const { readiness, now } = setUp();
    readiness.statistics(joining);
    readiness.startsUnknown('ERR__TIMED_OUT');
    readiness.statistics(member);
    expect(now()).toBe('ERR__TIMED_OUT');
    readiness.assigned();
    expect(now()).toBeUndefined();
  });

  it('reports a problem repeatedly while it lasts, and its end once', () => {
    const { readiness, reports } = setUp();
    readiness.failed('ERR__TRANSPORT');
    readiness.failed('ERR__TRANSPORT');
    readiness.assigned();
    readiness.works();
    readiness.statistics(member);
    expect(reports).toEqual(['ERR__TRANSPORT', 'ERR__TRANSPORT', undefined]);
  });
});
