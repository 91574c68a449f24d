/** The tables as upstream's stack has them (docs/contract.md, "Tables"), its extra unique indexes included. */
export const UPSTREAM_STATE = `
create table dicom_state_meta (
  tenant_id varchar(64) not null, patient_id varchar(64) not null, study_uid varchar(64) not null, series_uid varchar(64) not null,
  study_uid_hash varchar(20) not null, series_uid_hash varchar(20) not null, patient_name varchar(64), patient_sex varchar(1),
  patient_birth_date date, patient_birth_time time, patient_age varchar(16), patient_size double precision,
  patient_weight double precision, pregnancy_status integer, study_date date not null, study_date_origin varchar(8) not null,
  study_time time, accession_number varchar(16), study_id varchar(16), study_description varchar(64), modality varchar(16),
  series_number integer, series_date date, series_time time, series_description varchar(256), body_part_examined varchar(64),
  protocol_name varchar(64), series_related_instances integer, created_time timestamp, updated_time timestamp,
  primary key (tenant_id, study_uid, series_uid)
);
create unique index index_state_unique on dicom_state_meta (tenant_id, study_uid, series_uid, accession_number);
create unique index index_state_unique4study on dicom_state_meta (tenant_id, study_uid, series_uid);
create unique index index_state_unique4patient on dicom_state_meta (tenant_id, patient_id, study_uid, series_uid);
`;

const UPSTREAM_IMAGE = `
create table dicom_image_meta (
  tenant_id varchar(64) not null, patient_id varchar(64) not null, study_uid varchar(64) not null, series_uid varchar(64) not null,
  sop_uid varchar(64) not null, study_uid_hash varchar(20) not null, series_uid_hash varchar(20) not null, content_date date,
  content_time time, instance_number integer, image_type varchar(128), image_orientation_patient varchar(128),
  image_position_patient varchar(64), slice_thickness double precision, spacing_between_slices double precision,
  slice_location double precision, samples_per_pixel integer, photometric_interpretation varchar(32), width integer,
  columns integer, bits_allocated integer, bits_stored integer, high_bit integer, pixel_representation integer,
  rescale_intercept double precision, rescale_slope double precision, rescale_type varchar(64), window_center varchar(64),
  window_width varchar(64), transfer_syntax_uid varchar(64) not null, pixel_data_location varchar(512),
  thumbnail_location varchar(512), sop_class_uid varchar(64) not null, image_status varchar(32), space_size bigint,
  created_time timestamp, updated_time timestamp,
  constraint pk_dicom_image_meta primary key (tenant_id, study_uid, series_uid, sop_uid)
);
`;

const UPSTREAM_OBJECT = `
create table dicom_object_meta (
  trace_id varchar(36) not null, worker_node_id varchar(64) not null, tenant_id varchar(64) not null,
  patient_id varchar(64) not null, study_uid varchar(64), series_uid varchar(64), sop_uid varchar(64), file_size bigint,
  file_path varchar(512), transfer_syntax_uid varchar(64), number_of_frames int, series_uid_hash varchar(20),
  study_uid_hash varchar(20), accession_number varchar(64), target_ts varchar(64), study_date date, transfer_status varchar(64),
  source_ip varchar(24), source_ae varchar(64), created_time timestamp not null default current_timestamp,
  constraint pk_dicom_object_meta primary key (trace_id)
);
create index idx_dicom_object_meta on dicom_object_meta (tenant_id, patient_id, study_uid, series_uid, sop_uid);
create index idx_dicom_object_meta_date on dicom_object_meta (tenant_id, study_date);
create index idx_dicom_object_meta_createdate on dicom_object_meta (tenant_id, created_time);
`;

export const UPSTREAM = UPSTREAM_STATE + UPSTREAM_IMAGE + UPSTREAM_OBJECT;
