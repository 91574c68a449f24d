-- Works on an empty database and on one that upstream's stack created: a table that is there keeps its indexes and constraints, and
-- gets no index from here. to_regclass looks along the whole search_path, as the write statement does; CREATE TABLE IF NOT EXISTS
-- would look in its first schema only.
DO $$ BEGIN
	IF to_regclass('dicom_object_meta') IS NULL THEN
		CREATE TABLE "dicom_object_meta" (
			"trace_id" varchar(36) NOT NULL,
			"worker_node_id" varchar(64) NOT NULL,
			"tenant_id" varchar(64) NOT NULL,
			"patient_id" varchar(64) NOT NULL,
			"study_uid" varchar(64),
			"series_uid" varchar(64),
			"sop_uid" varchar(64),
			"file_size" bigint,
			"file_path" varchar(512),
			"transfer_syntax_uid" varchar(64),
			"number_of_frames" integer,
			"series_uid_hash" varchar(20),
			"study_uid_hash" varchar(20),
			"accession_number" varchar(64),
			"target_ts" varchar(64),
			"study_date" date,
			"transfer_status" varchar(64),
			"source_ip" varchar(24),
			"source_ae" varchar(64),
			"created_time" timestamp DEFAULT now() NOT NULL,
			CONSTRAINT "pk_dicom_object_meta" PRIMARY KEY("trace_id")
		);
		CREATE INDEX "idx_dicom_object_meta" ON "dicom_object_meta" ("tenant_id","patient_id","study_uid","series_uid","sop_uid");
		CREATE INDEX "idx_dicom_object_meta_date" ON "dicom_object_meta" ("tenant_id","study_date");
		CREATE INDEX "idx_dicom_object_meta_createdate" ON "dicom_object_meta" ("tenant_id","created_time");
	END IF;
END $$;
--> statement-breakpoint
DO $$ BEGIN
	IF to_regclass('dicom_state_meta') IS NULL THEN
		CREATE TABLE "dicom_state_meta" (
			"tenant_id" varchar(64) NOT NULL,
			"patient_id" varchar(64) NOT NULL,
			"study_uid" varchar(64) NOT NULL,
			"series_uid" varchar(64) NOT NULL,
			"study_uid_hash" varchar(20) NOT NULL,
			"series_uid_hash" varchar(20) NOT NULL,
			"patient_name" varchar(64),
			"patient_sex" varchar(1),
			"patient_birth_date" date,
			"patient_birth_time" time,
			"patient_age" varchar(16),
			"patient_size" double precision,
			"patient_weight" double precision,
			"pregnancy_status" integer,
			"study_date" date NOT NULL,
			"study_date_origin" varchar(8) NOT NULL,
			"study_time" time,
			"accession_number" varchar(16),
			"study_id" varchar(16),
			"study_description" varchar(64),
			"modality" varchar(16),
			"series_number" integer,
			"series_date" date,
			"series_time" time,
			"series_description" varchar(256),
			"body_part_examined" varchar(64),
			"protocol_name" varchar(64),
			"series_related_instances" integer,
			"created_time" timestamp,
			"updated_time" timestamp,
			"source_time" timestamp(6),
			"source_trace_id" varchar(36),
			CONSTRAINT "dicom_state_meta_pkey" PRIMARY KEY("tenant_id","study_uid","series_uid")
		);
		CREATE INDEX "idx_dicom_state_meta_patient" ON "dicom_state_meta" ("tenant_id","patient_id","study_uid","series_uid");
	END IF;
END $$;
--> statement-breakpoint
DO $$ BEGIN
	IF to_regclass('dicom_image_meta') IS NULL THEN
		CREATE TABLE "dicom_image_meta" (
			"tenant_id" varchar(64) NOT NULL,
			"patient_id" varchar(64) NOT NULL,
			"study_uid" varchar(64) NOT NULL,
			"series_uid" varchar(64) NOT NULL,
			"sop_uid" varchar(64) NOT NULL,
			"study_uid_hash" varchar(20) NOT NULL,
			"series_uid_hash" varchar(20) NOT NULL,
			"content_date" date,
			"content_time" time,
			"instance_number" integer,
			"image_type" varchar(128),
			"image_orientation_patient" varchar(128),
			"image_position_patient" varchar(64),
			"slice_thickness" double precision,
			"spacing_between_slices" double precision,
			"slice_location" double precision,
			"samples_per_pixel" integer,
			"photometric_interpretation" varchar(32),
			"width" integer,
			"columns" integer,
			"bits_allocated" integer,
			"bits_stored" integer,
			"high_bit" integer,
			"pixel_representation" integer,
			"rescale_intercept" double precision,
			"rescale_slope" double precision,
			"rescale_type" varchar(64),
			"window_center" varchar(64),
			"window_width" varchar(64),
			"transfer_syntax_uid" varchar(64) NOT NULL,
			"pixel_data_location" varchar(512),
			"thumbnail_location" varchar(512),
			"sop_class_uid" varchar(64) NOT NULL,
			"image_status" varchar(32),
			"space_size" bigint,
			"created_time" timestamp,
			"updated_time" timestamp,
			"source_time" timestamp(6),
			"source_trace_id" varchar(36),
			CONSTRAINT "pk_dicom_image_meta" PRIMARY KEY("tenant_id","study_uid","series_uid","sop_uid")
		);
	END IF;
END $$;
--> statement-breakpoint
ALTER TABLE "dicom_state_meta"
	ADD COLUMN IF NOT EXISTS "source_time" timestamp(6),
	ADD COLUMN IF NOT EXISTS "source_trace_id" varchar(36);
--> statement-breakpoint
ALTER TABLE "dicom_image_meta"
	ADD COLUMN IF NOT EXISTS "source_time" timestamp(6),
	ADD COLUMN IF NOT EXISTS "source_trace_id" varchar(36);
--> statement-breakpoint
-- An earlier schema of upstream's wanted an accession number in every state row; many files have none. Nothing changes elsewhere.
ALTER TABLE "dicom_state_meta" ALTER COLUMN "accession_number" DROP NOT NULL;
