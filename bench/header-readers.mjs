/**
 * The readers that the header benchmark compares. Each makes the same two JSON records of a file, on one thread. dcmjs is the exception: it
 * only parses. Plain JavaScript, because the built reader is measured and not the output of a TypeScript loader.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import dicomParser from 'dicom-parser';
import { ATTRIBUTES } from '../dist/src/dicom/bytes/attributes.js';
import { FoundValues } from '../dist/src/dicom/bytes/found-values.js';
import { vrCode } from '../dist/src/dicom/bytes/vr.js';
import { FileHeader } from '../dist/src/dicom/files/file-header.js';
import { StorageRoots } from '../dist/src/dicom/files/storage-roots.js';
import { DicomHeader } from '../dist/src/dicom/rows/header.js';
import { NO_MESSAGE, readIdentity } from '../dist/src/dicom/rows/identity.js';
import { imageMetaJson } from '../dist/src/dicom/rows/image-meta.js';
import { stateMetaJson } from '../dist/src/dicom/rows/state-meta.js';

const TIMESTAMPS = ',"created_time":"2025-01-01T00:00:00.000000","updated_time":"2025-01-01T00:00:00.000000"';

/** The length of both records. Using the result keeps the optimiser from removing the work. */
function recordsLength(header, size) {
  const identity = readIdentity(header, NO_MESSAGE);
  const state = stateMetaJson(header, identity, 'tenant1', TIMESTAMPS);
  return state.length + imageMetaJson(header, identity, 'tenant1', size, TIMESTAMPS).length;
}

/** By name: a function that takes the storage root and returns a function from a path to the records' length. */
export const READERS = {
  /** Without the check of storage roots, like the others. */
  'wado-consumer': () => {
    const file = new FileHeader();
    const onProgress = () => {};
    return (path) => {
      file.readNow(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), onProgress);
      return recordsLength(file.header, file.size);
    };
  },

  /** As in the service: opens only files below the storage roots. */
  'the same under storage roots': (root) => {
    const file = new FileHeader();
    const roots = new StorageRoots([root]);
    const onProgress = () => {};
    return (path) => {
      file.readNow(roots.openNow(path, onProgress), onProgress);
      return recordsLength(file.header, file.size);
    };
  },

  /** Parses the first 16 KB. It decodes no character sets and has no rules for values, so its elements go through ours. */
  'dicom-parser': () => {
    const window = Buffer.alloc(16 << 10);
    // The part of a scanner that DicomHeader reads.
    const scanned = { found: new FoundValues(), transferSyntaxUid: '', bigEndian: false };
    const header = new DicomHeader(scanned);
    const wanted = ATTRIBUTES.map(({ tag }) => `x${tag.toString(16).padStart(8, '0')}`);
    return (path) => {
      const { bytes, size } = readBeginning(path, window);
      const dataSet = dicomParser.parseDicom(bytes, { untilTag: 'x7fe00010' });
      const { buffer, byteOffset, length } = dataSet.byteArray;
      const whole = Buffer.from(buffer, byteOffset, length);
      scanned.found.reset();
      scanned.transferSyntaxUid = dataSet.string('x00020010');
      scanned.bigEndian = scanned.transferSyntaxUid === '1.2.840.10008.1.2.2';
      for (let slot = 0; slot < wanted.length; slot++) {
        const element = dataSet.elements[wanted[slot]];
        if (element === undefined) continue;
        const { dataOffset: start, length: size, vr } = element;
        scanned.found.take(slot, vr === undefined ? 0 : vrCode(vr), whole, length, start, start + size);
      }
      header.refresh();
      return recordsLength(header, size);
    };
  },

  /** Parses the first 64 KB. Makes no records of the values, which is to its advantage. */
  dcmjs: async () => {
    const module = await import('./header-peers/node_modules/dcmjs/build/dcmjs.js');
    const dcmjs = module.default ?? module;
    dcmjs.log.setLevel('silent');
    const window = Buffer.alloc(64 << 10);
    return (path) => {
      const { bytes } = readBeginning(path, window);
      const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      const { dict } = dcmjs.data.DicomMessage.readFile(copy, {
        untilTag: '7FE00010',
        includeUntilTagValue: false,
        ignoreErrors: true,
      });
      return Object.keys(dict).length;
    };
  },
};

function readBeginning(path, window) {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    return { bytes: window.subarray(0, readSync(descriptor, window, 0, window.length, 0)), size };
  } finally {
    closeSync(descriptor);
  }
}
