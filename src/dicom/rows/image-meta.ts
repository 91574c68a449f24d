/** DicomImageMeta: the record of an instance (docs/contract.md, "Output records"), as JSON in this order. */

import type { DicomHeader } from './header.ts';
import type { HeaderIdentity } from './identity.ts';
import { date, decimal, fieldsJson, integer, text, time } from './json-field.ts';
import { jsonString, plainJsonString, repeatedJsonString } from './json-string.ts';
import { sharedFields } from './shared-fields.ts';

const BEFORE_TRANSFER_SYNTAX = [
  integer('instance_number', 'InstanceNumber'),
  date('content_date', 'ContentDate'),
  time('content_time', 'ContentTime'),
  text('image_type', 'ImageType', 128),
  text('image_orientation_patient', 'ImageOrientationPatient', 128),
  text('image_position_patient', 'ImagePositionPatient', 64),
  decimal('slice_thickness', 'SliceThickness'),
  decimal('spacing_between_slices', 'SpacingBetweenSlices'),
  decimal('slice_location', 'SliceLocation'),
  integer('samples_per_pixel', 'SamplesPerPixel'),
  text('photometric_interpretation', 'PhotometricInterpretation', 32),
  // Upstream's name for Rows, kept for compatibility.
  integer('width', 'Rows'),
  integer('columns', 'Columns'),
  integer('bits_allocated', 'BitsAllocated'),
  integer('bits_stored', 'BitsStored'),
  integer('high_bit', 'HighBit'),
  integer('pixel_representation', 'PixelRepresentation'),
  decimal('rescale_intercept', 'RescaleIntercept'),
  decimal('rescale_slope', 'RescaleSlope'),
  text('rescale_type', 'RescaleType', 64),
  text('window_center', 'WindowCenter', 64),
  text('window_width', 'WindowWidth', 64),
];

const quoteTransferSyntax = repeatedJsonString();

/** One JSON object; `fileSize` in bytes; `ending` holds its last fields, each after a comma: timestamps and version, or nothing. */
export function imageMetaJson(
  header: DicomHeader,
  identity: HeaderIdentity,
  tenantId: string,
  fileSize: number,
  ending: string,
): string {
  const { keys, hashes } = sharedFields(identity, tenantId);
  const { sopInstanceUid, sopClassUid, plain } = identity;
  const quoted = plain ? plainJsonString : jsonString;
  return (
    `${keys},"sop_uid":${quoted(sopInstanceUid)}${hashes}${fieldsJson(BEFORE_TRANSFER_SYNTAX, header)}` +
    `,"transfer_syntax_uid":${quoteTransferSyntax(header.transferSyntaxUid)},"pixel_data_location":null,"thumbnail_location":null` +
    `,"sop_class_uid":${quoted(sopClassUid)},"image_status":"ACTIVE","space_size":${fileSize}${ending}}`
  );
}
