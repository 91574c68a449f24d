/**
 * The three tables in PostgreSQL (docs/contract.md, "Tables"): upstream's names, types, order and constraints, followed by
 * `source_time` and `source_trace_id`. The migrations and the write statement are generated from this schema.
 */
import {
  bigint,
  date,
  doublePrecision,
  index,
  integer,
  pgTable,
  primaryKey,
  time,
  timestamp,
  varchar,
} from 'drizzle-orm/pg-core';

const text = (length: number) => varchar({ length });

/** The version of the row: created_time and trace_id of its newest message. Null in rows that upstream wrote. */
const version = () => ({
  source_time: timestamp({ precision: 6, mode: 'string' }),
  source_trace_id: text(36),
});

/** One row per stored file, with the fields of its message. */
export const dicomObjectMeta = pgTable(
  'dicom_object_meta',
  {
    trace_id: text(36).notNull(),
    worker_node_id: text(64).notNull(),
    tenant_id: text(64).notNull(),
    patient_id: text(64).notNull(),
    study_uid: text(64),
    series_uid: text(64),
    sop_uid: text(64),
    file_size: bigint({ mode: 'number' }),
    file_path: text(512),
    transfer_syntax_uid: text(64),
    number_of_frames: integer(),
    series_uid_hash: text(20),
    study_uid_hash: text(20),
    accession_number: text(64),
    target_ts: text(64),
    study_date: date({ mode: 'string' }),
    transfer_status: text(64),
    source_ip: text(24),
    source_ae: text(64),
    created_time: timestamp({ mode: 'string' }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'pk_dicom_object_meta', columns: [table.trace_id] }),
    index('idx_dicom_object_meta').on(
      table.tenant_id,
      table.patient_id,
      table.study_uid,
      table.series_uid,
      table.sop_uid,
    ),
    index('idx_dicom_object_meta_date').on(table.tenant_id, table.study_date),
    index('idx_dicom_object_meta_createdate').on(table.tenant_id, table.created_time),
  ],
);

/** One row per series. `pregnancy_status` belongs to upstream and is never written here. */
export const dicomStateMeta = pgTable(
  'dicom_state_meta',
  {
    tenant_id: text(64).notNull(),
    patient_id: text(64).notNull(),
    study_uid: text(64).notNull(),
    series_uid: text(64).notNull(),
    study_uid_hash: text(20).notNull(),
    series_uid_hash: text(20).notNull(),
    patient_name: text(64),
    patient_sex: text(1),
    patient_birth_date: date({ mode: 'string' }),
    patient_birth_time: time(),
    patient_age: text(16),
    patient_size: doublePrecision(),
    patient_weight: doublePrecision(),
    pregnancy_status: integer(),
    study_date: date({ mode: 'string' }).notNull(),
    study_date_origin: text(8).notNull(),
    study_time: time(),
    accession_number: text(16),
    study_id: text(16),
    study_description: text(64),
    modality: text(16),
    series_number: integer(),
    series_date: date({ mode: 'string' }),
    series_time: time(),
    series_description: text(256),
    body_part_examined: text(64),
    protocol_name: text(64),
    series_related_instances: integer(),
    created_time: timestamp({ mode: 'string' }),
    updated_time: timestamp({ mode: 'string' }),
    ...version(),
  },
  (table) => [
    primaryKey({ name: 'dicom_state_meta_pkey', columns: [table.tenant_id, table.study_uid, table.series_uid] }),
    index('idx_dicom_state_meta_patient').on(table.tenant_id, table.patient_id, table.study_uid, table.series_uid),
  ],
);

/** One row per image (SOP instance). */
export const dicomImageMeta = pgTable(
  'dicom_image_meta',
  {
    tenant_id: text(64).notNull(),
    patient_id: text(64).notNull(),
    study_uid: text(64).notNull(),
    series_uid: text(64).notNull(),
    sop_uid: text(64).notNull(),
    study_uid_hash: text(20).notNull(),
    series_uid_hash: text(20).notNull(),
    content_date: date({ mode: 'string' }),
    content_time: time(),
    instance_number: integer(),
    image_type: text(128),
    image_orientation_patient: text(128),
    image_position_patient: text(64),
    slice_thickness: doublePrecision(),
    spacing_between_slices: doublePrecision(),
    slice_location: doublePrecision(),
    samples_per_pixel: integer(),
    photometric_interpretation: text(32),
    width: integer(),
    columns: integer(),
    bits_allocated: integer(),
    bits_stored: integer(),
    high_bit: integer(),
    pixel_representation: integer(),
    rescale_intercept: doublePrecision(),
    rescale_slope: doublePrecision(),
    rescale_type: text(64),
    window_center: text(64),
    window_width: text(64),
    transfer_syntax_uid: text(64).notNull(),
    pixel_data_location: text(512),
    thumbnail_location: text(512),
    sop_class_uid: text(64).notNull(),
    image_status: text(32),
    space_size: bigint({ mode: 'number' }),
    created_time: timestamp({ mode: 'string' }),
    updated_time: timestamp({ mode: 'string' }),
    ...version(),
  },
  (table) => [
    primaryKey({
      name: 'pk_dicom_image_meta',
      columns: [table.tenant_id, table.study_uid, table.series_uid, table.sop_uid],
    }),
  ],
);
