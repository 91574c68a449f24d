/**
 * The fields of the output records (docs/contract.md, "Output records"): JSON names, which are also column names, in the
 * order in which they are written.
 */

const KEYS = ['tenant_id', 'patient_id', 'study_uid', 'series_uid'] as const;
const HASHES = ['study_uid_hash', 'series_uid_hash'] as const;
const TIMES = ['created_time', 'updated_time', 'source_time', 'source_trace_id'] as const;

/** The fields of a state record. */
export const STATE_META_FIELDS = [
  ...KEYS,
  ...HASHES,
  'study_date_origin',
  'patient_name',
  'patient_sex',
  'patient_birth_date',
  'patient_birth_time',
  'patient_age',
  'patient_size',
  'patient_weight',
  'study_date',
  'study_time',
  'accession_number',
  'study_id',
  'study_description',
  'modality',
  'series_number',
  'series_date',
  'series_time',
  'series_description',
  'body_part_examined',
  'protocol_name',
  'series_related_instances',
  ...TIMES,
] as const;

/** The fields of an image record. */
export const IMAGE_META_FIELDS = [
  ...KEYS,
  'sop_uid',
  ...HASHES,
  'instance_number',
  'content_date',
  'content_time',
  'image_type',
  'image_orientation_patient',
  'image_position_patient',
  'slice_thickness',
  'spacing_between_slices',
  'slice_location',
  'samples_per_pixel',
  'photometric_interpretation',
  'width',
  'columns',
  'bits_allocated',
  'bits_stored',
  'high_bit',
  'pixel_representation',
  'rescale_intercept',
  'rescale_slope',
  'rescale_type',
  'window_center',
  'window_width',
  'transfer_syntax_uid',
  'pixel_data_location',
  'thumbnail_location',
  'sop_class_uid',
  'image_status',
  'space_size',
  ...TIMES,
] as const;
