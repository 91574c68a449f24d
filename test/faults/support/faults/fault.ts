import type { DatabaseName } from '../database.ts';
import type { FaultRun, MemberOptions } from '../fault-run.ts';
import type { Member } from '../member.ts';

/** What a sequence acts on: `member` is the running member, replaced when a fault restarts it. */
export interface Victim {
  readonly run: FaultRun;
  member: Member;
  readonly options: MemberOptions;
}

export type Target =
  | 'service'
  | 'broker'
  | 'broker line'
  | 'group'
  | 'dead letters'
  | DatabaseName
  | `${DatabaseName} line`
  | 'storage';

export interface Fault {
  /** Two faults that share a target never overlap. */
  readonly targets: readonly Target[];
  readonly title: string;
  /** Resolves when the fault is over and a member is running. */
  happen(victim: Victim): Promise<void>;
}
