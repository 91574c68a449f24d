/** One batch of files in the pool: its request to a worker, the files that failed so far, and its result. */
import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import type { HeaderBatch, HeaderFailure, HeaderRow, MissingIdentity, WorkerLoss } from '../../ports.ts';
import type { FileToRead } from '../../records/records.ts';
import type { BatchRequest, FailureLists, RowLists, WorkerMessage } from './messages.ts';

/** How a worker is to read a batch. */
export type RequestSettings = Pick<BatchRequest, 'mode' | 'leavesSlow' | 'width'>;

/** A batch of files that the pool reads. */
export class ReadJob {
  readonly #files: readonly FileToRead[];
  readonly #missingIdentity: MissingIdentity;
  /** Indexes in `files` that are still to be read. */
  #indexes: readonly number[];
  readonly #failures: HeaderFailure[] = [];
  #losses = 0;

  #resolve: (batch: HeaderBatch) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  /** Rejects only when the reader itself failed or was closed. */
  readonly result: Promise<HeaderBatch>;

  constructor(files: readonly FileToRead[], missingIdentity: MissingIdentity) {
    this.#files = files;
    this.#missingIdentity = missingIdentity;
    this.#indexes = files.map((_, index) => index);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The number of files that are still to be read. */
  get files(): number {
    return this.#indexes.length;
  }

  /** Whether the batch must be the only one of its worker, so that the next loss shows its cause. */
  get mustBeAlone(): boolean {
    return this.#losses > 0;
  }

  reject(error: Error): void {
    this.#reject(error);
  }

  /**
   * The request to a worker. After a loss, the files are read one by one, so that the next loss shows its cause. `width`: how
   * many files the worker may read at the same time.
   */
  request(id: number, { mode, leavesSlow, width }: RequestSettings): BatchRequest {
    const files = this.#indexes.flatMap((index) => this.#files[index] ?? []);
    return {
      kind: 'batch',
      id,
      mode: this.mustBeAlone ? 'blocking' : mode,
      leavesSlow,
      width,
      tenantIds: files.map(({ tenantId }) => tenantId),
      paths: files.map(({ path }) => path),
      sizes: files.map(({ size }) => size),
      patientIds: files.map(({ patientId }) => patientId),
      studyDates: files.map(({ studyDate }) => studyDate),
      missingIdentity: this.#missingIdentity,
      times: files.map(({ version }) => version.time),
      traceIds: files.map(({ version }) => version.traceId),
    };
  }

  /**
   * To be called when a worker was lost that was reading this batch. After the first loss, the batch is only retried.
   * From the second on, it was read sequentially, and the file at `position` of the request fails.
   */
  workerLost(reason: WorkerLoss, position: number | undefined): void {
    this.#losses++;
    if (this.#losses === 1) return;
    const code: DicomReadErrorCode = reason === 'died' ? 'read_failed' : 'read_timeout';
    const index = this.#indexes[position ?? 0];
    if (index === undefined) return;
    this.#failures.push({ index, error: new DicomReadError(code) });
    this.#indexes = this.#indexes.filter((each) => each !== index);
  }

  /** No worker can be started: the remaining files fail without having been read. */
  resolveNotAttempted(): void {
    const error = new DicomReadError('read_timeout');
    const notAttempted = this.#indexes.map((index) => ({ index, error, notAttempted: true }));
    this.#resolve({ states: [], images: [], failures: [...this.#failures, ...notAttempted] });
  }

  resolve({ states, images, jsons, failures }: Extract<WorkerMessage, { kind: 'batch' }>): void {
    const bytes = Buffer.from(jsons);
    const statesLength = states.lengths.reduce((sum, length) => sum + length, 0);
    const found = failures.indexes.map((position, at) => ({
      index: this.#indexes[position] ?? 0,
      error: readError(failures.codes[at] ?? 'read_failed', failures.attributes[at]),
      incomplete: failures.incomplete[at] === true,
      ...(failures.notAttempted[at] === true ? { notAttempted: true } : {}),
      ...(failures.unfinished[at] === true ? { unfinished: true } : {}),
      ...systemCodeOf(failures, at),
    }));
    this.#resolve({
      states: this.#rows(states, bytes),
      images: this.#rows(images, bytes.subarray(statesLength)),
      failures: [...this.#failures, ...found],
    });
  }

  /** `jsons` starts with the JSON of these rows. */
  #rows({ indexes, identities, keys, lengths }: RowLists, jsons: Buffer): HeaderRow[] {
    let end = 0;
    return indexes.map((position, at) => {
      const start = end;
      end += lengths[at] ?? 0;
      return {
        index: this.#indexes[position] ?? 0,
        identity: identities[at] ?? '',
        key: keys[at] ?? '',
        json: jsons.subarray(start, end),
      };
    });
  }
}

/** By their code, without an attribute: an error is created once, because capturing its stack costs as much as reading a file. */
const errors = new Map<DicomReadErrorCode, DicomReadError>();

function readError(code: DicomReadErrorCode, attribute: string | undefined): DicomReadError {
  if (attribute !== undefined) return new DicomReadError(code, attribute);
  const known = errors.get(code);
  if (known !== undefined) return known;
  const error = new DicomReadError(code);
  errors.set(code, error);
  return error;
}

function systemCodeOf({ systemCodes }: FailureLists, at: number): Pick<HeaderFailure, 'systemCode'> {
  const systemCode = systemCodes[at];
  return systemCode === undefined ? {} : { systemCode };
}
