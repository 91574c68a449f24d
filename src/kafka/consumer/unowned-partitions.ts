import type { NativeConfig, Partition } from '../client/types.ts';

/** The group's leader assigns new partitions within `topic.metadata.refresh.interval.ms`: 15 s, which is three checks. */
const CHECKS = 4;
const MAX_CHECKS = 64;

/**
 * Decides when a member must leave the group and join it again because partitions have no owner. A member with an instance id that comes
 * back within the session timeout gets the assignment that it had, without a rebalance (KIP-345). Partitions that were added meanwhile
 * belong to nobody, and no member is told to be the leader who would assign them.
 */
export class UnownedPartitions {
  #checks = 0;
  #limit = CHECKS;

  /** Whether to join again. `unowned`: the partitions without an owner now. If joining doesn't help, the next time comes later. */
  check(unowned: readonly Partition[]): boolean {
    if (unowned.length === 0) {
      this.#checks = 0;
      this.#limit = CHECKS;
      return false;
    }
    this.#checks++;
    if (this.#checks < this.#limit) return false;
    this.#checks = 0;
    this.#limit = Math.min(MAX_CHECKS, this.#limit * 2);
    return true;
  }
}

/** Whether the brokers may give a member its old assignment without a rebalance. */
export function keepsAssignment(config: NativeConfig): boolean {
  return config['group.instance.id'] !== undefined && config['group.protocol'] !== 'consumer';
}
