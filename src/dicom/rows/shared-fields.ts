/** What the state and the image record of one file have in common, made once for both. */

import type { HeaderIdentity } from './identity.ts';
import { quote, quotePlain, quoteRepeated } from './json-field.ts';
import { hashUid } from './uid-hash.ts';

interface RecordBeginning {
  /** From the opening brace to `series_uid`. */
  readonly keys: string;
  /** `study_uid_hash` and `series_uid_hash`, with a comma before each. */
  readonly hashes: string;
}

const quoteTenant = quoteRepeated();

let last:
  | { readonly identity: HeaderIdentity; readonly tenantId: string; readonly beginning: RecordBeginning }
  | undefined;

/** The two records of a file are made one right after the other: the second takes what was made for the first. */
export function sharedFields(identity: HeaderIdentity, tenantId: string): RecordBeginning {
  if (last?.identity === identity && last.tenantId === tenantId) return last.beginning;
  const { patientId, studyInstanceUid, seriesInstanceUid, plain } = identity;
  const text = plain ? quotePlain : quote;
  const beginning = {
    keys:
      `{"tenant_id":${quoteTenant(tenantId)},"patient_id":${text(patientId)}` +
      `,"study_uid":${text(studyInstanceUid)},"series_uid":${text(seriesInstanceUid)}`,
    hashes: `,"study_uid_hash":"${hashUid(studyInstanceUid)}","series_uid_hash":"${hashUid(seriesInstanceUid)}"`,
  };
  last = { identity, tenantId, beginning };
  return beginning;
}
