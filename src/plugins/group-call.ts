/** The batches of Redpanda Connect that are being grouped. */
import { type ConnectMessage, PluginError } from '../connect-plugin/index.ts';
import { regroup } from '../operators/regroup.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { type GroupedBatch, type GroupedRecord, Origin, type PoisonRecord } from '../records/records.ts';

/** A record of a batch. For the operators, the origin is an opaque token. */
export class MessageOrigin extends Origin {
  readonly call: GroupCall;
  readonly message: ConnectMessage;

  constructor(call: GroupCall, message: ConnectMessage) {
    super();
    this.call = call;
    this.message = message;
  }
}

/** Casts an origin. Throws a TypeError for one of another source. */
export function messageOrigin(origin: Origin): MessageOrigin {
  if (origin instanceof MessageOrigin) return origin;
  throw new TypeError('the record did not come from Redpanda Connect');
}

/** What became of a batch: each record is in `grouped` or in `poison`. */
export type GroupResult = Pick<GroupedBatch, 'grouped' | 'poison'>;

/** One call of `processBatch`. Records that wait for their files are grouped later than the others, so it collects several parts. */
export class GroupCall {
  #left: number;
  #parts: GroupResult[] = [];
  #ended = false;
  readonly #resolve: (result: Promise<GroupResult>) => void;
  readonly #reject: (error: unknown) => void;
  readonly result: Promise<GroupResult>;

  constructor(records: number) {
    this.#left = records;
    const { promise, resolve, reject } = withResolvers<GroupResult>();
    this.result = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether the result is complete, or is no longer wanted. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds the outcome of some of its records. */
  add(records: number, part: GroupResult): void {
    if (this.#ended) return;
    this.#parts.push(part);
    this.#left -= records;
    if (this.#left > 0) return;
    this.#ended = true;
    this.#resolve(merged(this.#parts));
  }

  fail(error: unknown): void {
    this.#ended = true;
    this.#reject(error);
  }
}

async function merged(parts: readonly GroupResult[]): Promise<GroupResult> {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  // Each part has the greatest version of its own keys only.
  const grouped = await newestRows(parts.flatMap((part) => part.grouped));
  return { grouped, poison: parts.flatMap(({ poison }) => poison) };
}

/** The records with the rows that have the greatest version of their key among these records. */
function newestRows(grouped: readonly GroupedRecord[]): Promise<readonly GroupedRecord[]> {
  return regroup({ origins: [], grouped, poison: [], closedAt: 0 }, () => true);
}

/** The part of a batch that came from one call. */
interface CallPart {
  records: number;
  readonly grouped: GroupedRecord[];
  readonly poison: PoisonRecord[];
}

/**
 * Divides a grouped batch among the calls from which its records came: those that wait are retried together. A row that belongs to the
 * record of another call is not enough: that call may fail. So with several calls, each gets the greatest version among its own records.
 */
export async function divide(batch: GroupedBatch): Promise<void> {
  const parts = partsOf(batch, batch.grouped);
  if (parts.size <= 1) {
    for (const [call, part] of parts) call.add(part.records, part);
    return;
  }
  try {
    const own = partsOf(batch, (await batch.withAllRows?.()) ?? batch.grouped);
    for (const [call, part] of own) {
      if (part.grouped.some(({ state, image }) => state === null || image === null))
        call.fail(new PluginError(NOT_READ_AGAIN));
      else call.add(part.records, { ...part, grouped: await newestRows(part.grouped) });
    }
  } catch (error) {
    for (const call of parts.keys()) call.fail(new PluginError(`headers can't be read (${errorCode(error)})`));
  }
}

/** A file was there and is no longer: Connect sends the batch again, and the file is waited for. */
const NOT_READ_AGAIN = "a file of the batch can't be read again";

function partsOf(batch: GroupedBatch, grouped: readonly GroupedRecord[]): Map<GroupCall, CallPart> {
  const parts = new Map<GroupCall, CallPart>();
  const partOf = (origin: Origin) => {
    const { call } = messageOrigin(origin);
    const known = parts.get(call);
    if (known !== undefined) return known;
    const part: CallPart = { records: 0, grouped: [], poison: [] };
    parts.set(call, part);
    return part;
  };
  for (const origin of batch.origins) partOf(origin).records++;
  for (const record of grouped) partOf(record.file.source.origin).grouped.push(record);
  for (const record of batch.poison) partOf(record.source.origin).poison.push(record);
  return parts;
}

function withResolvers<T>() {
  let resolve: (value: T | Promise<T>) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}
