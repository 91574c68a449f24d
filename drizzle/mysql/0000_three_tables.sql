-- Works on an empty database and on one where upstream's script created dicom_state_meta: a table that is there keeps its columns, indexes
-- and rows. It only gets the two columns of the version, keys that are compared by bytes, times to the millisecond, and an accession number
-- that may be null. MySQL has no IF NOT EXISTS for columns, so the ALTER is composed from the catalog. Each statement can be repeated,
-- because MySQL commits after each.
SET SESSION group_concat_max_len = 65536;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `dicom_object_meta` (
	`trace_id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`worker_node_id` varchar(64) NOT NULL,
	`tenant_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`patient_id` varchar(64) NOT NULL,
	`study_uid` varchar(64),
	`series_uid` varchar(64),
	`sop_uid` varchar(64),
	`file_size` bigint,
	`file_path` varchar(512),
	`transfer_syntax_uid` varchar(64),
	`number_of_frames` int,
	`series_uid_hash` varchar(20),
	`study_uid_hash` varchar(20),
	`accession_number` varchar(64),
	`target_ts` varchar(64),
	`study_date` date,
	`transfer_status` varchar(64),
	`source_ip` varchar(24),
	`source_ae` varchar(64),
	`created_time` datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	CONSTRAINT `pk_dicom_object_meta` PRIMARY KEY(`trace_id`),
	INDEX `idx_dicom_object_meta` (`tenant_id`,`patient_id`,`study_uid`,`series_uid`,`sop_uid`),
	INDEX `idx_dicom_object_meta_date` (`tenant_id`,`study_date`),
	INDEX `idx_dicom_object_meta_createdate` (`tenant_id`,`created_time`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `dicom_state_meta` (
	`tenant_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`patient_id` varchar(64) NOT NULL,
	`study_uid` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`series_uid` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`study_uid_hash` varchar(20) NOT NULL,
	`series_uid_hash` varchar(20) NOT NULL,
	`patient_name` varchar(64),
	`patient_sex` varchar(1),
	`patient_birth_date` date,
	`patient_birth_time` time(3),
	`patient_age` varchar(16),
	`patient_size` double,
	`patient_weight` double,
	`pregnancy_status` int,
	`study_date` date NOT NULL,
	`study_date_origin` varchar(8) NOT NULL,
	`study_time` time(3),
	`accession_number` varchar(16),
	`study_id` varchar(16),
	`study_description` varchar(64),
	`modality` varchar(16),
	`series_number` int,
	`series_date` date,
	`series_time` time(3),
	`series_description` varchar(256),
	`body_part_examined` varchar(64),
	`protocol_name` varchar(64),
	`series_related_instances` int,
	`created_time` datetime(6),
	`updated_time` datetime(6),
	`source_time` datetime(6),
	`source_trace_id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
	CONSTRAINT `dicom_state_meta_pkey` PRIMARY KEY(`tenant_id`,`study_uid`,`series_uid`),
	INDEX `idx_dicom_state_meta_patient` (`tenant_id`,`patient_id`,`study_uid`,`series_uid`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `dicom_image_meta` (
	`tenant_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`patient_id` varchar(64) NOT NULL,
	`study_uid` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`series_uid` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`sop_uid` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`study_uid_hash` varchar(20) NOT NULL,
	`series_uid_hash` varchar(20) NOT NULL,
	`content_date` date,
	`content_time` time(3),
	`instance_number` int,
	`image_type` varchar(128),
	`image_orientation_patient` varchar(128),
	`image_position_patient` varchar(64),
	`slice_thickness` double,
	`spacing_between_slices` double,
	`slice_location` double,
	`samples_per_pixel` int,
	`photometric_interpretation` varchar(32),
	`width` int,
	`columns` int,
	`bits_allocated` int,
	`bits_stored` int,
	`high_bit` int,
	`pixel_representation` int,
	`rescale_intercept` double,
	`rescale_slope` double,
	`rescale_type` varchar(64),
	`window_center` varchar(64),
	`window_width` varchar(64),
	`transfer_syntax_uid` varchar(64) NOT NULL,
	`pixel_data_location` varchar(512),
	`thumbnail_location` varchar(512),
	`sop_class_uid` varchar(64) NOT NULL,
	`image_status` varchar(32),
	`space_size` bigint,
	`created_time` datetime(6),
	`updated_time` datetime(6),
	`source_time` datetime(6),
	`source_trace_id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
	CONSTRAINT `pk_dicom_image_meta` PRIMARY KEY(`tenant_id`,`study_uid`,`series_uid`,`sop_uid`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
--> statement-breakpoint
SET @change = (SELECT group_concat(one SEPARATOR ', ') FROM (
		SELECT concat('MODIFY `', column_name, '` ', column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ', if(is_nullable = 'NO', 'NOT NULL', 'NULL')) AS one
		FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_object_meta' AND column_name IN ('trace_id', 'tenant_id') AND collation_name <> 'utf8mb4_bin'
	) AS changes);
--> statement-breakpoint
SET @change = if(@change IS NULL, 'DO 0', concat('ALTER TABLE `dicom_object_meta` ', @change));
--> statement-breakpoint
PREPARE wado_consumer_change FROM @change;
--> statement-breakpoint
EXECUTE wado_consumer_change;
--> statement-breakpoint
DEALLOCATE PREPARE wado_consumer_change;
--> statement-breakpoint
SET @change = (SELECT group_concat(one SEPARATOR ', ') FROM (
		SELECT 'ADD COLUMN `source_time` datetime(6)' AS one FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_state_meta' AND column_name = 'source_time')
		UNION ALL SELECT 'ADD COLUMN `source_trace_id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' AS one FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_state_meta' AND column_name = 'source_trace_id')
		UNION ALL SELECT concat('MODIFY `', column_name, '` ', column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ', if(is_nullable = 'NO', 'NOT NULL', 'NULL')) AS one
		FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_state_meta' AND column_name IN ('tenant_id', 'study_uid', 'series_uid', 'source_trace_id') AND collation_name <> 'utf8mb4_bin'
		UNION ALL SELECT concat('MODIFY `', column_name, '` time(3) ', if(is_nullable = 'NO', 'NOT NULL', 'NULL')) AS one
		FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_state_meta' AND column_name IN ('patient_birth_time', 'study_time', 'series_time') AND data_type = 'time' AND datetime_precision < 3
		UNION ALL SELECT concat('MODIFY `', column_name, '` ', column_type, ' CHARACTER SET ', character_set_name, ' COLLATE ', collation_name, ' NULL') AS one
		FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_state_meta' AND column_name = 'accession_number' AND is_nullable = 'NO'
	) AS changes);
--> statement-breakpoint
SET @change = if(@change IS NULL, 'DO 0', concat('ALTER TABLE `dicom_state_meta` ', @change));
--> statement-breakpoint
PREPARE wado_consumer_change FROM @change;
--> statement-breakpoint
EXECUTE wado_consumer_change;
--> statement-breakpoint
DEALLOCATE PREPARE wado_consumer_change;
--> statement-breakpoint
SET @change = (SELECT group_concat(one SEPARATOR ', ') FROM (
		SELECT 'ADD COLUMN `source_time` datetime(6)' AS one FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_image_meta' AND column_name = 'source_time')
		UNION ALL SELECT 'ADD COLUMN `source_trace_id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' AS one FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_image_meta' AND column_name = 'source_trace_id')
		UNION ALL SELECT concat('MODIFY `', column_name, '` ', column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ', if(is_nullable = 'NO', 'NOT NULL', 'NULL')) AS one
		FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_image_meta' AND column_name IN ('tenant_id', 'study_uid', 'series_uid', 'sop_uid', 'source_trace_id') AND collation_name <> 'utf8mb4_bin'
		UNION ALL SELECT concat('MODIFY `', column_name, '` time(3) ', if(is_nullable = 'NO', 'NOT NULL', 'NULL')) AS one
		FROM information_schema.columns WHERE table_schema = database() AND table_name = 'dicom_image_meta' AND column_name IN ('content_time') AND data_type = 'time' AND datetime_precision < 3
	) AS changes);
--> statement-breakpoint
SET @change = if(@change IS NULL, 'DO 0', concat('ALTER TABLE `dicom_image_meta` ', @change));
--> statement-breakpoint
PREPARE wado_consumer_change FROM @change;
--> statement-breakpoint
EXECUTE wado_consumer_change;
--> statement-breakpoint
DEALLOCATE PREPARE wado_consumer_change;
