/** The values of the output topics (docs/topics.md), for code that reads them. */

/** The value of a record of `dicom_state_queue`: one series. `null`: absent, or empty or invalid where the value is no text. */
export interface DicomStateMeta {
  readonly tenant_id: string;
  readonly patient_id: string;
  readonly study_uid: string;
  readonly series_uid: string;
  readonly study_uid_hash: string;
  readonly series_uid_hash: string;
  readonly study_date_origin: string;
  readonly patient_name: string | null;
  readonly patient_sex: string | null;
  readonly patient_birth_date: string | null;
  readonly patient_birth_time: string | null;
  readonly patient_age: string | null;
  readonly patient_size: number | null;
  readonly patient_weight: number | null;
  readonly study_date: string;
  readonly study_time: string | null;
  readonly accession_number: string | null;
  readonly study_id: string | null;
  readonly study_description: string | null;
  readonly modality: string | null;
  readonly series_number: number | null;
  readonly series_date: string | null;
  readonly series_time: string | null;
  readonly series_description: string | null;
  readonly body_part_examined: string | null;
  readonly protocol_name: string | null;
  readonly series_related_instances: number | null;
  readonly created_time: string;
  readonly updated_time: string;
  readonly source_time: string;
  readonly source_trace_id: string;
}

/** The value of a record of `dicom_image_queue`: one instance. `null` as in DicomStateMeta. */
export interface DicomImageMeta {
  readonly tenant_id: string;
  readonly patient_id: string;
  readonly study_uid: string;
  readonly series_uid: string;
  readonly sop_uid: string;
  readonly study_uid_hash: string;
  readonly series_uid_hash: string;
  readonly instance_number: number | null;
  readonly content_date: string | null;
  readonly content_time: string | null;
  readonly image_type: string | null;
  readonly image_orientation_patient: string | null;
  readonly image_position_patient: string | null;
  readonly slice_thickness: number | null;
  readonly spacing_between_slices: number | null;
  readonly slice_location: number | null;
  readonly samples_per_pixel: number | null;
  readonly photometric_interpretation: string | null;
  readonly width: number | null;
  readonly columns: number | null;
  readonly bits_allocated: number | null;
  readonly bits_stored: number | null;
  readonly high_bit: number | null;
  readonly pixel_representation: number | null;
  readonly rescale_intercept: number | null;
  readonly rescale_slope: number | null;
  readonly rescale_type: string | null;
  readonly window_center: string | null;
  readonly window_width: string | null;
  readonly transfer_syntax_uid: string;
  readonly pixel_data_location: null;
  readonly thumbnail_location: null;
  readonly sop_class_uid: string;
  readonly image_status: string;
  readonly space_size: number;
  readonly created_time: string;
  readonly updated_time: string;
  readonly source_time: string;
  readonly source_trace_id: string;
}
