import type { DicomStoreMeta } from '../records/dicom-store-meta.ts';

let counter = 0;

/** A valid DicomStoreMeta with a new trace_id and instance. Pass the fields that matter; the others are filled in. */
export function storeMeta(fields: Partial<DicomStoreMeta> = {}): DicomStoreMeta {
  const n = ++counter;
  const sop = fields.sop_uid ?? `1.2.3.1.${n}`;
  return {
    trace_id: `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`,
    worker_node_id: 'DICOM_STORE_SCP',
    tenant_id: 'tenant1',
    patient_id: 'P1',
    study_uid: '1.2.3',
    series_uid: '1.2.3.1',
    sop_uid: sop,
    file_size: 4096,
    file_path: `/data/1.2.3/1.2.3.1/${sop}`,
    transfer_syntax_uid: '1.2.840.10008.1.2.1',
    number_of_frames: 1,
    created_time: '2025-10-15T09:30:00.123456',
    series_uid_hash: '08990620208495055844',
    study_uid_hash: '00332093670316092639',
    accession_number: 'ACC1',
    target_ts: '1.2.840.10008.1.2.1',
    study_date: '2023-12-15',
    transfer_status: 'NoNeedTransfer',
    source_ip: '10.0.0.9',
    source_ae: 'CT1',
    ...fields,
  };
}
