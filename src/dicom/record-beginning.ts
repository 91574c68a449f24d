/** What the state and the image record of one file have in common, made once for both. */
import { quote } from './column.ts';
import type { HeaderIdentity } from './header.ts';
import { hashUid } from './uid-hash.ts';

export interface RecordBeginning {
  /** From the opening brace to `series_uid`. */
  readonly keys: string;
  /** `study_uid_hash` and `series_uid_hash`, with a comma before each. */
  readonly hashes: string;
}

export function recordBeginning(identity: HeaderIdentity, tenantId: string): RecordBeginning {
  const { patientId, studyInstanceUid, seriesInstanceUid } = identity;
  return {
    keys:
      `{"tenant_id":${quote(tenantId)},"patient_id":${quote(patientId)}` +
      `,"study_uid":${quote(studyInstanceUid)},"series_uid":${quote(seriesInstanceUid)}`,
    hashes: `,"study_uid_hash":"${hashUid(studyInstanceUid)}","series_uid_hash":"${hashUid(seriesInstanceUid)}"`,
  };
}
