import { hostname } from 'node:os';
import { SinkError } from '../../errors.ts';
import type { Offsets, Transaction } from '../../ports.ts';
import type { StoredBatch } from '../../records/records.ts';
import {
  connect,
  ERRORS,
  errorCode,
  errorName,
  type NativeConfig,
  type NativeConsumer,
  type NativeProducer,
  newProducer,
  type PartitionOffset,
} from '../client/client.ts';
import { kafkaOrigin } from '../consumer/origin.ts';
import { deliver, isFatal, settleDeliveries, toSinkError } from './delivery.ts';
import type { ProducerRecord } from './producer-record.ts';
import { call, inTurns, leave, TURN_MS } from './transactional-calls.ts';

export interface TransactionsOptions {
  /** The node's name in errors. */
  readonly name: string;
  /** librdkafka's connection, security and producer settings (see settings.ts). */
  readonly config: NativeConfig;
  /** One id per process: a new process with the same id ends what the old one left open, and shuts it out. */
  readonly transactionalId: string;
  /** What a batch publishes, dead letters included. */
  readonly recordsOf: (batch: StoredBatch) => readonly ProducerRecord[];
  /** The member of the group whose offsets are committed. */
  readonly consumer: () => NativeConsumer;
  readonly offsets: Offsets;
  /** Called with the offsets of each committed transaction. */
  readonly committed?: (offsets: readonly PartitionOffset[]) => void;
}

export interface Transactions extends Transaction {
  /** Ends what an earlier process with this id left open. Rejects with a SinkError when the brokers are away; may be called again. */
  connect(): Promise<void>;
  close(): Promise<void>;
}

/**
 * How long an open transaction outlives its process. Until then readers of committed records wait behind it, and so does a restarted
 * process, unless it has the same transactional id.
 */
const TRANSACTION_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 10_000;
/** By then the broker has ended the transaction one way or the other. */
const COMMIT_TIMEOUT_MS = 2 * TRANSACTION_TIMEOUT_MS;
const CONNECT_TIMEOUT_MS = 3_000;

/** Publishes and commits in Kafka transactions (KIP-98, KIP-447): one at a time, aborted when anything in it fails. */
export function createTransactions(options: TransactionsOptions): Transactions {
  let current: NativeProducer | undefined;
  let opening: Promise<NativeProducer> | undefined;
  let closed = false;

  /** The producer of all transactions; a new one after the last was left. */
  async function ready(): Promise<NativeProducer> {
    if (current !== undefined) return current;
    if (closed) throw new SinkError(options.name, 'unavailable', 'closed');
    opening ??= open();
    try {
      current = await opening;
      return current;
    } finally {
      opening = undefined;
    }
  }

  async function open(): Promise<NativeProducer> {
    let producer: NativeProducer | undefined;
    try {
      const opened = newProducer({
        ...options.config,
        'transactional.id': options.transactionalId,
        'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
        // librdkafka refuses anything in a transaction that may take longer than the transaction.
        'message.timeout.ms': TRANSACTION_TIMEOUT_MS,
        'socket.timeout.ms': TRANSACTION_TIMEOUT_MS,
        dr_cb: true,
      });
      producer = opened;
      opened.on('event.error', () => undefined);
      settleDeliveries(opened);
      await connect(opened, CONNECT_TIMEOUT_MS);
      opened.setPollInBackground(true);
      await inTurns(opened, 'initTransactions', patience(CALL_TIMEOUT_MS), (done) =>
        opened.initTransactions(TURN_MS, done),
      );
      return opened;
    } catch (error) {
      if (producer !== undefined) void leave(producer);
      throw toTransactionError(options.name, error, producer);
    }
  }

  /** Not any longer than that, and not when we are to end. */
  function patience(timeoutMs: number): () => boolean {
    const deadline = performance.now() + timeoutMs;
    return () => !closed && performance.now() <= deadline;
  }

  async function aborted(producer: NativeProducer): Promise<boolean> {
    try {
      await inTurns(producer, 'abortTransaction', patience(CALL_TIMEOUT_MS), (done) =>
        producer.abortTransaction(TURN_MS, done),
      );
      return true;
    } catch (error) {
      // Nothing was open.
      return errorCode(error) === ERRORS.ERR__STATE && !isFatal(error);
    }
  }

  async function transact(
    producer: NativeProducer,
    batches: readonly StoredBatch[],
  ): Promise<readonly PartitionOffset[]> {
    await call(producer, 'beginTransaction', (done) => producer.beginTransaction(done));
    const records = batches.flatMap(options.recordsOf);
    if (records.length > 0) await deliver(producer, records, CALL_TIMEOUT_MS);
    const offsets = nextOffsets(batches);
    await call(producer, 'sendOffsetsToTransaction', (done) =>
      producer.sendOffsetsToTransaction(offsets, options.consumer(), CALL_TIMEOUT_MS, done),
    );
    try {
      await inTurns(producer, 'commitTransaction', patience(COMMIT_TIMEOUT_MS), (done) =>
        producer.commitTransaction(TURN_MS, done),
      );
    } catch (error) {
      // Only this says that nothing was committed.
      if (isAbortable(error)) throw error;
      throw new UndecidedError(errorName(error));
    }
    return offsets;
  }

  return {
    name: options.name,
    async connect() {
      await ready();
    },
    async commit(batches) {
      const producer = await ready();
      try {
        options.committed?.(await transact(producer, batches));
      } catch (error) {
        const undecided = error instanceof UndecidedError;
        // What can't be aborted is ended by the next client with this id, which is made at the next attempt.
        if (undecided || isFatal(error) || !(await aborted(producer))) {
          if (current === producer) current = undefined;
          void leave(producer);
        }
        // Tried again, it might be published twice: the graph breaks, and begins anew where the group's offsets say.
        if (undecided) throw new SinkError(options.name, 'unknown', error.message);
        throw toTransactionError(options.name, error, producer);
      }
      return batches.map((batch) => options.offsets.ack(batch.origins));
    },
    async close() {
      closed = true;
      // Left open, it would shut out who comes next with the same id.
      await opening?.then(leave, () => undefined);
      const producer = current;
      current = undefined;
      if (producer === undefined) return;
      await aborted(producer);
      await leave(producer);
    },
  };
}

/** Without a name of its own a process takes one that no other has: then an open transaction ends by its timeout only. */
export function transactionalIdOf(group: string, instanceId: string | undefined): string {
  return `wado-consumer-${group}-${instanceId ?? `${hostname()}-${process.pid}-${Date.now().toString(36)}`}`;
}

/** Per partition, the offset behind the last record: batches come in the order of consumption, so all before it is in here or committed. */
function nextOffsets(batches: readonly StoredBatch[]): PartitionOffset[] {
  const next = new Map<string, PartitionOffset>();
  for (const { topic, partition, offset } of batches.flatMap((batch) => batch.origins.map(kafkaOrigin))) {
    const key = `${topic}|${partition}`;
    if (offset + 1 > (next.get(key)?.offset ?? 0)) next.set(key, { topic, partition, offset: offset + 1 });
  }
  return [...next.values()];
}

/** The commit of a transaction that may have happened. The message is librdkafka's name of the error. */
class UndecidedError extends Error {
  override readonly name = 'UndecidedError';
}

function isAbortable(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'isTxnRequiresAbort' in error && error.isTxnRequiresAbort === true
  );
}

/** Another process took this one's place: trying again would only throw that one out. */
const FENCED: readonly number[] = [
  ERRORS.ERR__FENCED,
  ERRORS.ERR_PRODUCER_FENCED,
  ERRORS.ERR_INVALID_PRODUCER_EPOCH,
  ERRORS.ERR_FENCED_INSTANCE_ID,
];

function toTransactionError(name: string, error: unknown, producer: NativeProducer | undefined): SinkError {
  const known = toSinkError(name, error, producer);
  if (FENCED.includes(errorCode(error))) return new SinkError(name, 'unknown', known.detail);
  // A record too large can't be told from its fellows here: stop, and let at-least-once sort it out.
  return known;
}
