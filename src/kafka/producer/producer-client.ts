/** One native producer and the records that await its delivery report. It is connected once and closed once. */
import {
  connect,
  disconnect,
  ERRORS,
  errorCode,
  type NativeConfig,
  type NativeProducer,
  newProducer,
} from '../client/client.ts';
import { toNativeBytes, toNativeHeaders } from '../client/headers.ts';
import type { ProducerRecord } from './producer-record.ts';

/** Called once per record: with undefined when it is acknowledged, else with the error. */
export type Report = (error: unknown) => void;

/** A native producer with its progress. */
export interface ProducerClient {
  readonly native: NativeProducer;
  /**
   * When a broker last acknowledged a record, or when its last throttling ends, by `performance.now()`. May be in the future.
   */
  readonly lastProgress: number;
  /** The client's last error since the last acknowledgement; undefined if there was none. */
  readonly lastError: unknown;
  /** Queues a record; false when the queue is full. Throws the client's error when the record can't be queued. */
  produce(record: ProducerRecord, report: Report): boolean;
  /** Reports every record without a delivery report as purged, and disconnects. Never rejects. */
  discard(): Promise<void>;
}

/** Called when a broker throttles the client because of a quota, with the delay in milliseconds. */
export type ThrottleListener = (milliseconds: number) => void;

const CONNECT_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** Connects a producer. Rejects with the client's error; `onFailure` is called with the failed client, whose log has the reason. */
export async function openProducerClient(
  config: NativeConfig,
  onThrottle: ThrottleListener | undefined,
  onFailure: (native: NativeProducer) => void,
): Promise<ProducerClient> {
  const native = newProducer({ ...config, dr_cb: true });
  const client = watch(native, onThrottle);
  try {
    await connect(native, CONNECT_TIMEOUT_MS);
    native.setPollInBackground(true);
    return client;
  } catch (error) {
    onFailure(native);
    void client.discard();
    throw error;
  }
}

/** Watches a newly created producer, whose settings must include `dr_cb: true`. */
export function watch(native: NativeProducer, onThrottle?: ThrottleListener): ProducerClient {
  const unreported = new Set<Report>();
  let lastProgress = performance.now();
  let lastError: unknown;

  native.on('delivery-report', (error, { opaque }) => {
    const report = opaque as Report;
    // `discard()` has already reported this record as purged.
    if (!unreported.delete(report)) return;
    if (!error) {
      lastProgress = performance.now();
      lastError = undefined;
    }
    report(error ?? undefined);
  });
  native.on('event.error', (error) => {
    lastError = error;
  });
  native.on('event.throttle', ({ throttleTime }) => {
    const milliseconds = Number(throttleTime);
    if (!(milliseconds > 0)) return;
    lastProgress = performance.now() + milliseconds;
    onThrottle?.(milliseconds);
  });

  return {
    native,
    get lastProgress() {
      return lastProgress;
    },
    get lastError() {
      return lastError;
    },
    produce({ topic, key, value, headers, timestamp }, report) {
      const nativeHeaders = headers === undefined ? undefined : toNativeHeaders(headers);
      unreported.add(report);
      try {
        native.produce(topic, null, toNativeBytes(value), toNativeBytes(key), timestamp ?? null, report, nativeHeaders);
        return true;
      } catch (error) {
        unreported.delete(report);
        if (errorCode(error) === ERRORS.ERR__QUEUE_FULL) return false;
        throw error;
      }
    },
    async discard() {
      const purged = [...unreported];
      unreported.clear();
      for (const report of purged) report(PURGED);
      await disconnect(native, CLOSE_TIMEOUT_MS);
    },
  };
}

/** librdkafka's error for a record that it drops from its queue. */
const PURGED = Object.assign(new Error('purged'), { code: ERRORS.ERR__PURGE_QUEUE });
