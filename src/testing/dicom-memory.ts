/** Reads the header of a file in memory through the same code as a real one, for tests and to count reads. */

import type { FileAnswer, FileCall } from '../dicom/files/file-calls.ts';
import { allocateWindow, FileHeader } from '../dicom/files/file-header.ts';
import { DEFAULT_WINDOWS, type WindowSizes } from '../dicom/files/read-file.ts';
import type { DicomHeader } from '../dicom/rows/header.ts';
import { type MessageIdentity, NO_MESSAGE, readIdentity } from '../dicom/rows/identity.ts';
import { imageMetaJson } from '../dicom/rows/image-meta.ts';
import { stateMetaJson } from '../dicom/rows/state-meta.ts';
import { DicomReadError } from '../errors.ts';

/** The two records as JSON without timestamps, or the error, and the reads. Offsets and lengths in bytes. */
export interface MemoryReading {
  readonly error: DicomReadError | undefined;
  readonly state: string;
  readonly image: string;
  readonly reads: readonly { readonly offset: number; readonly length: number }[];
}

export class MemoryReader {
  readonly #file: FileHeader;
  /** The memory that files are read into. The content of one file must never appear in the next. */
  readonly window: Buffer;

  /** `windows` in bytes; default: the reader's. */
  constructor(windows: WindowSizes = DEFAULT_WINDOWS) {
    this.window = allocateWindow(windows);
    this.#file = new FileHeader(windows, this.window);
  }

  read(bytes: Uint8Array, tenantId = 'tenant1', message: MessageIdentity | null = NO_MESSAGE): MemoryReading {
    const reads: { offset: number; length: number }[] = [];
    try {
      const header = this.header(bytes, (offset, length) => reads.push({ offset, length }));
      const identity = readIdentity(header, message);
      return {
        error: undefined,
        state: stateMetaJson(header, identity, tenantId, ''),
        image: imageMetaJson(header, identity, tenantId, bytes.length, ''),
        reads,
      };
    } catch (error) {
      if (!(error instanceof DicomReadError)) throw error;
      return { error, state: '', image: '', reads };
    }
  }

  /** The header, until the next call. `onRead` is called with each read. Throws a DicomReadError. */
  header(bytes: Uint8Array, onRead: (offset: number, length: number) => void = () => undefined): DicomHeader {
    const reading = this.#file.read(opened());
    let step = reading.next();
    while (step.done !== true) {
      if (step.value.call === 'read') onRead(step.value.offset, step.value.length);
      step = reading.next(answer(step.value, bytes));
    }
    return this.#file.header;
  }
}

// biome-ignore lint/correctness/useYield: a reading that needs no call
function* opened(): Generator<FileCall, number, FileAnswer> {
  return 0;
}

function answer(step: FileCall, bytes: Uint8Array): FileAnswer {
  if (step.call === 'size') return bytes.length;
  if (step.call !== 'read') return 0;
  const part = bytes.subarray(step.offset, step.offset + step.length);
  step.window.set(part);
  return part.length;
}
