/** The fields that the state and the image record of one file share, written once for both. */

import type { HeaderIdentity } from './identity.ts';
import { jsonString, plainJsonString, repeatedJsonString } from './json-string.ts';
import { hashUid } from './uid-hash.ts';

interface SharedFields {
  /** From the opening brace to `series_uid`. */
  readonly keys: string;
  /** `study_uid_hash` and `series_uid_hash`, with a comma before each. */
  readonly hashes: string;
}

const quoteTenant = repeatedJsonString();

let last: { readonly identity: HeaderIdentity; readonly tenantId: string; readonly fields: SharedFields } | undefined;

/** The two records of a file are written one after the other, so the last result is kept for the second. */
export function sharedFields(identity: HeaderIdentity, tenantId: string): SharedFields {
  if (last?.identity === identity && last.tenantId === tenantId) return last.fields;
  const { patientId, studyInstanceUid, seriesInstanceUid, plain } = identity;
  const text = plain ? plainJsonString : jsonString;
  const fields = {
    keys:
      `{"tenant_id":${quoteTenant(tenantId)},"patient_id":${text(patientId)}` +
      `,"study_uid":${text(studyInstanceUid)},"series_uid":${text(seriesInstanceUid)}`,
    hashes: `,"study_uid_hash":"${hashUid(studyInstanceUid)}","series_uid_hash":"${hashUid(seriesInstanceUid)}"`,
  };
  last = { identity, tenantId, fields };
  return fields;
}
