/** Reads the header of one file for the command line, synchronously on this thread. */
import fs from 'node:fs';
import type { DicomReadError } from '../../errors.ts';
import { NO_MESSAGE, readIdentity } from '../rows/identity.ts';
import { imageMetaJson } from '../rows/image-meta.ts';
import { stateMetaJson } from '../rows/state-meta.ts';
import { toReadError } from './file-error.ts';
import { FileHeader } from './file-header.ts';

/** State and image record (docs/contract.md, "Output records") without their timestamps, or the error. */
export type HeaderReading =
  | {
      readonly ok: true;
      readonly state: Readonly<Record<string, unknown>>;
      readonly image: Readonly<Record<string, unknown>>;
    }
  | { readonly ok: false; readonly error: DicomReadError };

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
const FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY;

let reader: FileHeader | undefined;

/**
 * Reads the header of a regular file; `space_size` is the file's size. Follows links and checks no storage root, so it must be used for
 * paths from the command line only, never for those of a record. `error.message` is `code` or `code:ATTRIBUTE`.
 */
export function readHeaderFile(path: string, tenantId: string): HeaderReading {
  reader ??= new FileHeader();
  try {
    reader.readNow(fs.openSync(path, FLAGS), () => {});
    const { header, size } = reader;
    const identity = readIdentity(header, NO_MESSAGE);
    return {
      ok: true,
      state: JSON.parse(stateMetaJson(header, identity, tenantId, '')),
      image: JSON.parse(imageMetaJson(header, identity, tenantId, size, '')),
    };
  } catch (error) {
    return { ok: false, error: toReadError(error) };
  }
}
