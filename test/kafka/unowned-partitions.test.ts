import { describe, expect, it } from 'vitest';
import { keepsAssignment, UnownedPartitions } from '../../src/kafka/consumer/unowned-partitions.ts';

const UNOWNED = [{ topic: 't', partition: 1 }];

/** After which of these checks the member joins again. */
function joins(unowned: UnownedPartitions, checks: number): number[] {
  return Array.from({ length: checks }, (_, check) => (unowned.check(UNOWNED) ? [check + 1] : [])).flat();
}

describe('partitions without an owner', () => {
  it('make the member join again after four checks, and later each time', () => {
    expect(joins(new UnownedPartitions(), 60)).toEqual([4, 12, 28, 60]);
  });

  it('do not when a rebalance gives them an owner in time', () => {
    const unowned = new UnownedPartitions();
    expect(joins(unowned, 3)).toEqual([]);
    expect(unowned.check([])).toBe(false);
    expect(joins(unowned, 3)).toEqual([]);
  });

  it('make it join as soon as the first time after they had an owner', () => {
    const unowned = new UnownedPartitions();
    expect(joins(unowned, 12)).toEqual([4, 12]);
    unowned.check([]);
    expect(joins(unowned, 4)).toEqual([4]);
  });
});

describe('a member that returns with its old assignment', () => {
  it('has an instance id and the classic protocol', () => {
    expect(keepsAssignment({ 'group.instance.id': 'one' })).toBe(true);
    expect(keepsAssignment({ 'group.instance.id': 'one', 'group.protocol': 'consumer' })).toBe(false);
    expect(keepsAssignment({})).toBe(false);
  });
});
