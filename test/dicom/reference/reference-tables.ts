/** What the reference reader knows of DICOM: copied from PS3.5, table 6.2-1, and docs/contract.md, not from the scanner. */

export const SHORT_VRS = new Set('AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '));
export const VRS = new Set([...SHORT_VRS, ...'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' ')]);

const TABLE = `
0008,0005 CS SpecificCharacterSet
0008,0008 CS ImageType
0008,0016 UI SOPClassUID
0008,0018 UI SOPInstanceUID
0008,0020 DA StudyDate
0008,0021 DA SeriesDate
0008,0023 DA ContentDate
0008,0030 TM StudyTime
0008,0031 TM SeriesTime
0008,0033 TM ContentTime
0008,0050 SH AccessionNumber
0008,0060 CS Modality
0008,1030 LO StudyDescription
0008,103E LO SeriesDescription
0010,0010 PN PatientName
0010,0020 LO PatientID
0010,0030 DA PatientBirthDate
0010,0032 TM PatientBirthTime
0010,0040 CS PatientSex
0010,1010 AS PatientAge
0010,1020 DS PatientSize
0010,1030 DS PatientWeight
0018,0015 CS BodyPartExamined
0018,0050 DS SliceThickness
0018,0088 DS SpacingBetweenSlices
0018,1030 LO ProtocolName
0020,000D UI StudyInstanceUID
0020,000E UI SeriesInstanceUID
0020,0010 SH StudyID
0020,0011 IS SeriesNumber
0020,0013 IS InstanceNumber
0020,0032 DS ImagePositionPatient
0020,0037 DS ImageOrientationPatient
0020,1041 DS SliceLocation
0020,1209 IS NumberOfSeriesRelatedInstances
0028,0002 US SamplesPerPixel
0028,0004 CS PhotometricInterpretation
0028,0008 IS NumberOfFrames
0028,0010 US Rows
0028,0011 US Columns
0028,0100 US BitsAllocated
0028,0101 US BitsStored
0028,0102 US HighBit
0028,0103 US PixelRepresentation
0028,1050 DS WindowCenter
0028,1051 DS WindowWidth
0028,1052 DS RescaleIntercept
0028,1053 DS RescaleSlope
0028,1054 LO RescaleType`;

export const WANTED: ReadonlyMap<number, { readonly keyword: string; readonly vr: string }> = new Map(
  TABLE.trim()
    .split('\n')
    .map((line) => {
      const [tag = '', vr = '', keyword = ''] = line.split(' ');
      return [Number.parseInt(tag.replace(',', ''), 16), { keyword, vr }] as const;
    }),
);

export const LAST_WANTED = 0x00281054;

export const NEEDED = [
  'StudyInstanceUID',
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'SOPClassUID',
  'PatientID',
  'StudyDate',
  'Modality',
  'Rows',
  'Columns',
];
