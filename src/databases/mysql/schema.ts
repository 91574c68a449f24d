/**
 * The three tables in MySQL and MariaDB (docs/contract.md, "Tables"): upstream's names, types and order, followed by `source_time` and
 * `source_trace_id`. The migrations and the write statement are generated from this schema. Keys and trace ids are compared by their
 * bytes: a collation that ignores case or accents would merge rows of different keys.
 */
import {
  bigint,
  customType,
  date,
  datetime,
  double,
  index,
  int,
  mysqlTable,
  primaryKey,
  time,
  varchar,
} from 'drizzle-orm/mysql-core';
import { sql } from 'drizzle-orm/sql';

const text = (length: number) => varchar({ length });

const binaryText = customType<{ data: string; config: { readonly length: number }; configRequired: true }>({
  dataType: ({ length }) => `varchar(${length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
});

const key = (length: number) => binaryText({ length });

// Milliseconds, as the records have them. TIME without a precision rounds to seconds.
const clockTime = () => time({ fsp: 3 });

const moment = () => datetime({ fsp: 6, mode: 'string' });

/** The version of the row: created_time and trace_id of its newest message. Null in rows that upstream wrote. */
const version = () => ({
  source_time: moment(),
  source_trace_id: key(36),
});

/** One row per stored file, with the fields of its message. */
export const dicomObjectMeta = mysqlTable(
  'dicom_object_meta',
  {
    trace_id: key(36).notNull(),
    worker_node_id: text(64).notNull(),
    tenant_id: key(64).notNull(),
    patient_id: text(64).notNull(),
    study_uid: text(64),
    series_uid: text(64),
    sop_uid: text(64),
    file_size: bigint({ mode: 'number' }),
    file_path: text(512),
    transfer_syntax_uid: text(64),
    number_of_frames: int(),
    series_uid_hash: text(20),
    study_uid_hash: text(20),
    accession_number: text(64),
    target_ts: text(64),
    study_date: date({ mode: 'string' }),
    transfer_status: text(64),
    source_ip: text(24),
    source_ae: text(64),
    created_time: moment().notNull().default(sql`CURRENT_TIMESTAMP(6)`),
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
export const dicomStateMeta = mysqlTable(
  'dicom_state_meta',
  {
    tenant_id: key(64).notNull(),
    patient_id: text(64).notNull(),
    study_uid: key(64).notNull(),
    series_uid: key(64).notNull(),
    study_uid_hash: text(20).notNull(),
    series_uid_hash: text(20).notNull(),
    patient_name: text(64),
    patient_sex: text(1),
    patient_birth_date: date({ mode: 'string' }),
    patient_birth_time: clockTime(),
    patient_age: text(16),
    patient_size: double(),
    patient_weight: double(),
    pregnancy_status: int(),
    study_date: date({ mode: 'string' }).notNull(),
    study_date_origin: text(8).notNull(),
    study_time: clockTime(),
    accession_number: text(16),
    study_id: text(16),
    study_description: text(64),
    modality: text(16),
    series_number: int(),
    series_date: date({ mode: 'string' }),
    series_time: clockTime(),
    series_description: text(256),
    body_part_examined: text(64),
    protocol_name: text(64),
    series_related_instances: int(),
    created_time: moment(),
    updated_time: moment(),
    ...version(),
  },
  (table) => [
    primaryKey({ name: 'dicom_state_meta_pkey', columns: [table.tenant_id, table.study_uid, table.series_uid] }),
    index('idx_dicom_state_meta_patient').on(table.tenant_id, table.patient_id, table.study_uid, table.series_uid),
  ],
);

/** One row per image (SOP instance). */
export const dicomImageMeta = mysqlTable(
  'dicom_image_meta',
  {
    tenant_id: key(64).notNull(),
    patient_id: text(64).notNull(),
    study_uid: key(64).notNull(),
    series_uid: key(64).notNull(),
    sop_uid: key(64).notNull(),
    study_uid_hash: text(20).notNull(),
    series_uid_hash: text(20).notNull(),
    content_date: date({ mode: 'string' }),
    content_time: clockTime(),
    instance_number: int(),
    image_type: text(128),
    image_orientation_patient: text(128),
    image_position_patient: text(64),
    slice_thickness: double(),
    spacing_between_slices: double(),
    slice_location: double(),
    samples_per_pixel: int(),
    photometric_interpretation: text(32),
    width: int(),
    columns: int(),
    bits_allocated: int(),
    bits_stored: int(),
    high_bit: int(),
    pixel_representation: int(),
    rescale_intercept: double(),
    rescale_slope: double(),
    rescale_type: text(64),
    window_center: text(64),
    window_width: text(64),
    transfer_syntax_uid: text(64).notNull(),
    pixel_data_location: text(512),
    thumbnail_location: text(512),
    sop_class_uid: text(64).notNull(),
    image_status: text(32),
    space_size: bigint({ mode: 'number' }),
    created_time: moment(),
    updated_time: moment(),
    ...version(),
  },
  (table) => [
    primaryKey({
      name: 'pk_dicom_image_meta',
      columns: [table.tenant_id, table.study_uid, table.series_uid, table.sop_uid],
    }),
  ],
);
