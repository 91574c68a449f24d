import { hostname } from 'node:os';
import { SinkError } from '../../errors.ts';
import type { Offsets, OutputNode, Transaction } from '../../ports.ts';
import type { Batch, BatchRecord, ConsumedRecord, PoisonRecord } from '../../records/records.ts';
import { RefusedDeadLetters, RefusedOutputs } from '../../records/refusals.ts';
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
import type { TransactionOffsets } from '../consumer/transaction-offsets.ts';
import { Delivery } from './delivery.ts';
import { isConsequence, isFatal, isTopicError, type ProduceErrorContext, toSinkError } from './produce-errors.ts';
import { type ProducerClient, type ThrottleListener, watch } from './producer-client.ts';
import type { ProducerRecord } from './producer-record.ts';
import { CALL_SLICE_MS, call, callRepeatedly, closeWhenIdle } from './transactional-calls.ts';

/** The settings of the transactions. */
export interface TransactionsOptions<R extends BatchRecord> {
  /** The node's name in errors. */
  readonly name: string;
  /** librdkafka's connection, security and producer settings (see settings.ts). */
  readonly config: NativeConfig;
  /** One id per process: a new process with the same id aborts the old one's open transaction and fences it. */
  readonly transactionalId: string;
  /** Returns the records that a batch publishes, dead letters included. When it throws, `commit` rejects with its error. */
  readonly outputsOf: (batch: Batch<R>) => readonly TransactionOutput[];
  /** The source whose offsets are committed. */
  readonly source: TransactionSource;
  /** The names of the dead-letter output and its topic, for the error when the topic refuses a dead letter. */
  readonly deadLetters: { readonly name: string; readonly topic: string };
  /** The output topics and the dead-letter topic, as `describe` shows them. */
  readonly outputs: readonly OutputNode[];
  readonly onThrottle?: ThrottleListener;
}

/** What transactions need from the source. */
export interface TransactionSource extends Offsets {
  /** The member of the group whose offsets are committed. Throws a SourceError while there is none. */
  readonly consumer: NativeConsumer;
  readonly transactionOffsets: TransactionOffsets;
}

/** A record that a transaction publishes, and the consumed record that it comes from. */
export interface TransactionOutput {
  readonly record: ProducerRecord;
  readonly source: ConsumedRecord;
  /** Set for a dead letter. */
  readonly poison?: PoisonRecord;
}

/**
 * The time after which the brokers abort the open transaction of a killed process. Until then, consumers with read_committed isolation
 * wait, and so does a restarted process unless it has the same transactional id.
 */
const TRANSACTION_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 10_000;
/** By this time the broker has committed or aborted the transaction. */
const COMMIT_TIMEOUT_MS = 2 * TRANSACTION_TIMEOUT_MS;
const CONNECT_TIMEOUT_MS = 3_000;
/** How long records are sent alone after a refused batch: each further refused batch would cost an aborted transaction. */
const ALONE_MS = 60_000;

/**
 * Publishes and commits in Kafka transactions (KIP-98, KIP-447): one at a time, aborted when a call in it fails. `connect` aborts the open
 * transaction of an earlier process with this id.
 */
export function createTransactions<R extends BatchRecord>(options: TransactionsOptions<R>): Transaction<R> {
  let current: ProducerClient | undefined;
  let opening: Promise<ProducerClient> | undefined;
  let closed = false;
  /** Until this time, by `performance.now()`, each record is sent in a batch of its own. `single`: whether `current` does so. */
  let aloneUntil = Number.NEGATIVE_INFINITY;
  let single = false;

  /** The producer of all transactions. A new one is opened when the last was discarded or batches records the other way. */
  async function ready(): Promise<ProducerClient> {
    if (current !== undefined && single === performance.now() < aloneUntil) return current;
    if (current !== undefined) discard(current);
    if (closed) throw new SinkError(options.name, 'unavailable', 'closed');
    opening ??= open();
    try {
      current = await opening;
      return current;
    } finally {
      opening = undefined;
    }
  }

  function discard(client: ProducerClient): void {
    if (current === client) current = undefined;
    void closeWhenIdle(client.native);
  }

  async function open(): Promise<ProducerClient> {
    let producer: NativeProducer | undefined;
    single = performance.now() < aloneUntil;
    try {
      const opened = newProducer({
        ...options.config,
        ...(single ? { 'batch.num.messages': 1, 'linger.ms': 0 } : {}),
        'transactional.id': options.transactionalId,
        'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
        // librdkafka rejects timeouts that are longer than the transaction's.
        'message.timeout.ms': TRANSACTION_TIMEOUT_MS,
        'socket.timeout.ms': TRANSACTION_TIMEOUT_MS,
        dr_cb: true,
      });
      producer = opened;
      const client = watch(opened, options.onThrottle);
      await connect(opened, CONNECT_TIMEOUT_MS);
      opened.setPollInBackground(true);
      await callRepeatedly(opened, 'initTransactions', withinTimeout(CALL_TIMEOUT_MS), (done) =>
        opened.initTransactions(CALL_SLICE_MS, done),
      );
      return client;
    } catch (error) {
      if (producer !== undefined) void closeWhenIdle(producer);
      throw toTransactionError(options.name, error, { client: producer });
    }
  }

  /** True until the timeout has passed or `close` is called. */
  function withinTimeout(timeoutMs: number): () => boolean {
    const deadline = performance.now() + timeoutMs;
    return () => !closed && performance.now() <= deadline;
  }

  async function aborted(producer: NativeProducer): Promise<boolean> {
    try {
      await callRepeatedly(producer, 'abortTransaction', withinTimeout(CALL_TIMEOUT_MS), (done) =>
        producer.abortTransaction(CALL_SLICE_MS, done),
      );
      return true;
    } catch (error) {
      // There was no open transaction.
      return errorCode(error) === ERRORS.ERR__STATE && !isFatal(error);
    }
  }

  /** Publishes the records. Rejects with the refused records or with the first error. */
  async function publish(client: ProducerClient, outputs: readonly TransactionOutput[]): Promise<void> {
    const delivery = new Delivery(outputs.map(({ record }) => record));
    if (single) delivery.sendAlone(() => true);
    await delivery.send(client, single, CALL_TIMEOUT_MS);
    if (delivery.refusals.length > 0) {
      const refused = delivery.refusals.flatMap(({ index, error }) => {
        const output = outputs[index];
        return output === undefined ? [] : [{ output, error: toSinkError(options.name, error) }];
      });
      throw verdict(refused);
    }
    const { failure } = delivery;
    // After a refused batch, librdkafka drops the queued records of the transaction.
    const dropped = failure === undefined || isConsequence(failure.error);
    if (!single && dropped && delivery.needsSingles) throw new BatchRefusedError();
    if (failure === undefined) return;
    const { name, topic } = options.deadLetters;
    // The other records must not wait for the dead-letter topic.
    if (failure.topic === topic && isTopicError(failure.error)) {
      const { detail } = toSinkError(name, failure.error, { topic });
      const letters = outputs.flatMap(({ poison }) => poison ?? []);
      throw new RefusedDeadLetters(name, topic, letters, errorName(failure.error), detail);
    }
    throw new PublishError(failure);
  }

  /** The error for refused records: refused outputs are dead-lettered first, refused dead letters must wait. */
  function verdict(refused: readonly { readonly output: TransactionOutput; readonly error: SinkError }[]): SinkError {
    const outputs = refused.flatMap(({ output: { source, poison }, error }) =>
      poison === undefined ? [{ kind: 'poison' as const, source, error }] : [],
    );
    if (outputs.length > 0) return new RefusedOutputs(options.name, outputs);
    const { name, topic } = options.deadLetters;
    const letters = refused.flatMap(({ output }) => output.poison ?? []);
    return new RefusedDeadLetters(name, topic, letters, refused[0]?.error.detail ?? 'unknown');
  }

  async function transact(
    client: ProducerClient,
    batches: readonly Batch<R>[],
    outputs: readonly TransactionOutput[],
  ): Promise<readonly PartitionOffset[]> {
    const producer = client.native;
    await call(producer, 'beginTransaction', (done) => producer.beginTransaction(done));
    if (outputs.length > 0) await publish(client, outputs);
    const offsets = options.source.transactionOffsets.of(batches.flatMap(({ origins }) => origins));
    if (offsets === undefined) throw new SinkError(options.name, 'unavailable', 'partitions revoked');
    await call(producer, 'sendOffsetsToTransaction', (done) =>
      producer.sendOffsetsToTransaction([...offsets], options.source.consumer, CALL_TIMEOUT_MS, done),
    );
    try {
      await callRepeatedly(producer, 'commitTransaction', withinTimeout(COMMIT_TIMEOUT_MS), (done) =>
        producer.commitTransaction(CALL_SLICE_MS, done),
      );
    } catch (error) {
      // Only an abortable error guarantees that nothing was committed.
      if (isAbortable(error)) throw error;
      throw new UndecidedError(errorName(error));
    }
    return offsets;
  }

  return {
    name: options.name,
    outputs: options.outputs,
    async connect() {
      await ready();
    },
    async commit(batches) {
      const outputs = batches.flatMap(options.outputsOf);
      for (;;) {
        const client = await ready();
        try {
          const offsets = await transact(client, batches, outputs);
          const ranges = batches.map((batch) => options.source.ack(batch.origins));
          options.source.transactionOffsets.committed(offsets);
          return ranges;
        } catch (error) {
          const undecided = error instanceof UndecidedError;
          const cause = error instanceof PublishError ? error.failure.error : error;
          // If the abort fails, the next client with this id aborts the transaction at the next attempt.
          if (undecided || isFatal(cause) || !(await aborted(client.native))) discard(client);
          // A retry could publish twice, so the topology restarts at the group's committed offsets.
          if (undecided) throw new SinkError(options.name, 'unknown', error.message);
          if (errorCode(cause) === ERRORS.ERR_OFFSET_METADATA_TOO_LARGE) options.source.transactionOffsets.refused();
          if (!(error instanceof BatchRefusedError)) {
            const topic = error instanceof PublishError ? error.failure.topic : undefined;
            const context = { topic, client: client.native, cause: client.lastError };
            throw toTransactionError(options.name, cause, context);
          }
          aloneUntil = performance.now() + ALONE_MS;
        }
      }
    },
    admit: (origins) => options.source.transactionOffsets.admit(origins),
    async close() {
      closed = true;
      // An open client would block the next process with the same id.
      await opening?.then(({ native }) => closeWhenIdle(native)).catch(() => undefined);
      const client = current;
      current = undefined;
      if (client === undefined) return;
      await aborted(client.native);
      await closeWhenIdle(client.native);
    },
  };
}

/** The transactional id. Without an instance id it is unique, so only the timeout ends the open transaction of a killed process. */
export function transactionalIdOf(group: string, instanceId: string | undefined): string {
  return `wado-consumer-${group}-${instanceId ?? `${hostname()}-${process.pid}-${Date.now().toString(36)}`}`;
}

/** The broker refused a batch of several records. Each is then sent alone, which shows which ones it refuses. */
class BatchRefusedError extends Error {
  override readonly name = 'BatchRefusedError';
}

/** A record was not delivered. */
class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly failure: { readonly error: unknown; readonly topic: string };

  constructor(failure: PublishError['failure']) {
    super('not delivered');
    this.failure = failure;
  }
}

/** It is unknown whether the transaction was committed. The message is librdkafka's name of the error. */
class UndecidedError extends Error {
  override readonly name = 'UndecidedError';
}

function isAbortable(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'isTxnRequiresAbort' in error && error.isTxnRequiresAbort === true
  );
}

/** Another process uses the transactional id: a retry would fence that process. */
const FENCED: ReadonlySet<string> = new Set([
  'ERR__FENCED',
  'ERR_PRODUCER_FENCED',
  'ERR_INVALID_PRODUCER_EPOCH',
  'ERR_FENCED_INSTANCE_ID',
]);

function toTransactionError(name: string, error: unknown, context: ProduceErrorContext): SinkError {
  const known = toSinkError(name, error, context);
  return FENCED.has(known.detail) ? new SinkError(name, 'unknown', known.detail) : known;
}
