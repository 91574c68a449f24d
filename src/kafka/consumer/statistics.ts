/** What is read of librdkafka's statistics document (its STATISTICS.md). */
export interface Statistics {
  readonly brokers?: Readonly<Record<string, { readonly state: string }>>;
  readonly cgrp?: { readonly state: string; readonly join_state: string; readonly assignment_size: number };
}

/** Whether any broker, the group's coordinator included, has accepted the client and the connection is up. */
export function isReachable({ brokers = {} }: Statistics): boolean {
  return Object.values(brokers).some(({ state }) => state === 'UP');
}

/** Whether the client has found the group's coordinator and is connected to it. */
export function hasCoordinator({ cgrp }: Statistics): boolean {
  return cgrp?.state === 'up';
}

/** Whether the client is a member whose assignment is complete. The assignment may be empty. */
export function isMember({ cgrp }: Statistics): boolean {
  return cgrp?.state === 'up' && cgrp.join_state === 'steady';
}
