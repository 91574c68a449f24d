/** The fields of librdkafka's statistics document that are used (see its STATISTICS.md). */
export interface Statistics {
  readonly brokers?: Readonly<Record<string, { readonly state: string }>>;
  readonly cgrp?: { readonly state: string; readonly join_state: string; readonly assignment_size: number };
}

/** Whether the connection to any broker, the group's coordinator included, is up. */
export function isReachable({ brokers = {} }: Statistics): boolean {
  return Object.values(brokers).some(({ state }) => state === 'UP');
}

/** Whether the client has found the group's coordinator and is connected to it. */
export function hasCoordinator({ cgrp }: Statistics): boolean {
  return cgrp?.state === 'up';
}

/** Whether the client is a member of the group and not rebalancing. Its assignment may be empty. */
export function isMember({ cgrp }: Statistics): boolean {
  return cgrp?.state === 'up' && cgrp.join_state === 'steady';
}
