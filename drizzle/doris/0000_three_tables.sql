CREATE TABLE IF NOT EXISTS `dicom_object_meta` (
  `trace_id` varchar(144) NOT NULL,
  `worker_node_id` varchar(256) NOT NULL,
  `tenant_id` varchar(256) NOT NULL,
  `patient_id` varchar(256) NOT NULL,
  `study_uid` varchar(256) NULL,
  `series_uid` varchar(256) NULL,
  `sop_uid` varchar(256) NULL,
  `file_size` bigint NULL,
  `file_path` varchar(2048) NULL,
  `transfer_syntax_uid` varchar(256) NULL,
  `number_of_frames` int NULL,
  `series_uid_hash` varchar(80) NULL,
  `study_uid_hash` varchar(80) NULL,
  `accession_number` varchar(256) NULL,
  `target_ts` varchar(256) NULL,
  `study_date` date NULL,
  `transfer_status` varchar(256) NULL,
  `source_ip` varchar(96) NULL,
  `source_ae` varchar(256) NULL,
  `created_time` datetime(6) NOT NULL
)
UNIQUE KEY(`trace_id`)
DISTRIBUTED BY HASH(`trace_id`) BUCKETS AUTO
PROPERTIES (
  "replication_num" = "${replication_num}",
  "enable_unique_key_merge_on_write" = "true",
  "function_column.sequence_col" = "created_time"
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `dicom_state_meta` (
  `tenant_id` varchar(256) NOT NULL,
  `study_uid` varchar(256) NOT NULL,
  `series_uid` varchar(256) NOT NULL,
  `patient_id` varchar(256) NOT NULL,
  `study_uid_hash` varchar(80) NOT NULL,
  `series_uid_hash` varchar(80) NOT NULL,
  `patient_name` varchar(256) NULL,
  `patient_sex` varchar(4) NULL,
  `patient_birth_date` date NULL,
  `patient_birth_time` varchar(12) NULL,
  `patient_age` varchar(64) NULL,
  `patient_size` double NULL,
  `patient_weight` double NULL,
  `pregnancy_status` int NULL,
  `study_date` date NOT NULL,
  `study_date_origin` varchar(32) NOT NULL,
  `study_time` varchar(12) NULL,
  `accession_number` varchar(64) NULL,
  `study_id` varchar(64) NULL,
  `study_description` varchar(256) NULL,
  `modality` varchar(64) NULL,
  `series_number` int NULL,
  `series_date` date NULL,
  `series_time` varchar(12) NULL,
  `series_description` varchar(1024) NULL,
  `body_part_examined` varchar(256) NULL,
  `protocol_name` varchar(256) NULL,
  `series_related_instances` int NULL,
  `created_time` datetime(6) NULL DEFAULT CURRENT_TIMESTAMP(6),
  `updated_time` datetime(6) NULL,
  `source_time` datetime(6) NULL,
  `source_trace_id` varchar(144) NULL,
  `source_order` largeint NULL
)
UNIQUE KEY(`tenant_id`, `study_uid`, `series_uid`)
DISTRIBUTED BY HASH(`study_uid`) BUCKETS AUTO
PROPERTIES (
  "replication_num" = "${replication_num}",
  "enable_unique_key_merge_on_write" = "true",
  "function_column.sequence_col" = "source_order"
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `dicom_image_meta` (
  `tenant_id` varchar(256) NOT NULL,
  `study_uid` varchar(256) NOT NULL,
  `series_uid` varchar(256) NOT NULL,
  `sop_uid` varchar(256) NOT NULL,
  `patient_id` varchar(256) NOT NULL,
  `study_uid_hash` varchar(80) NOT NULL,
  `series_uid_hash` varchar(80) NOT NULL,
  `content_date` date NULL,
  `content_time` varchar(12) NULL,
  `instance_number` int NULL,
  `image_type` varchar(512) NULL,
  `image_orientation_patient` varchar(512) NULL,
  `image_position_patient` varchar(256) NULL,
  `slice_thickness` double NULL,
  `spacing_between_slices` double NULL,
  `slice_location` double NULL,
  `samples_per_pixel` int NULL,
  `photometric_interpretation` varchar(128) NULL,
  `width` int NULL,
  `columns` int NULL,
  `bits_allocated` int NULL,
  `bits_stored` int NULL,
  `high_bit` int NULL,
  `pixel_representation` int NULL,
  `rescale_intercept` double NULL,
  `rescale_slope` double NULL,
  `rescale_type` varchar(256) NULL,
  `window_center` varchar(256) NULL,
  `window_width` varchar(256) NULL,
  `transfer_syntax_uid` varchar(256) NOT NULL,
  `pixel_data_location` varchar(2048) NULL,
  `thumbnail_location` varchar(2048) NULL,
  `sop_class_uid` varchar(256) NOT NULL,
  `image_status` varchar(128) NULL,
  `space_size` bigint NULL,
  `created_time` datetime(6) NULL DEFAULT CURRENT_TIMESTAMP(6),
  `updated_time` datetime(6) NULL,
  `source_time` datetime(6) NULL,
  `source_trace_id` varchar(144) NULL,
  `source_order` largeint NULL
)
UNIQUE KEY(`tenant_id`, `study_uid`, `series_uid`, `sop_uid`)
DISTRIBUTED BY HASH(`study_uid`) BUCKETS AUTO
PROPERTIES (
  "replication_num" = "${replication_num}",
  "enable_unique_key_merge_on_write" = "true",
  "function_column.sequence_col" = "source_order"
);
