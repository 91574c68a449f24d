import type { DicomStoreMeta } from '../records/dicom-store-meta.ts';
import { localTimestamp } from '../records/local-timestamp.ts';
import { uuidV7 } from './uuid-v7.ts';

/** The fields of a DicomStoreMeta that come from the file's header. */
export interface StoredHeader {
  readonly patientId: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly studyUidHash: string;
  readonly seriesUidHash: string;
  readonly transferSyntaxUid: string;
  /** NumberOfFrames (0028,0008); 1 if the header has none. */
  readonly numberOfFrames: number;
  readonly accessionNumber: string | null;
  /** `YYYY-MM-DD`. */
  readonly studyDate: string;
}

export interface StoredFileFacts {
  readonly tenantId: string;
  /** The path under which the service opens the file. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Name of the publishing program, for `worker_node_id` and `source_ae` [WADO_PUBLISH]. */
  readonly origin?: string;
}

/** The record that a receiver publishes for a file that it has stored (docs/contract.md, "Input record"). */
export function storeMeta(header: StoredHeader, file: StoredFileFacts, now = new Date()): DicomStoreMeta {
  const origin = file.origin ?? 'WADO_PUBLISH';
  return {
    trace_id: uuidV7(now.getTime()),
    worker_node_id: origin,
    tenant_id: file.tenantId,
    patient_id: header.patientId,
    study_uid: header.studyInstanceUid,
    series_uid: header.seriesInstanceUid,
    sop_uid: header.sopInstanceUid,
    file_size: file.size,
    file_path: file.path,
    transfer_syntax_uid: header.transferSyntaxUid,
    number_of_frames: header.numberOfFrames,
    created_time: localTimestamp(now),
    series_uid_hash: header.seriesUidHash,
    study_uid_hash: header.studyUidHash,
    accession_number: header.accessionNumber,
    target_ts: header.transferSyntaxUid,
    study_date: header.studyDate,
    transfer_status: 'NoNeedTransfer',
    source_ip: '127.0.0.1',
    source_ae: origin,
  };
}
