/** One native producer: connected once, closed once, with the records that it has not reported yet. */
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

/** Called once with the outcome of a record: undefined when it is acknowledged. */
export type Report = (error: unknown) => void;

export interface ProducerClient {
  readonly native: NativeProducer;
  /** When a broker last acknowledged a record or asked to wait, by `performance.now()`. */
  readonly lastProgress: number;
  /** The client's last error since its last progress: why it is silent. */
  readonly lastError: unknown;
  /** Queues a record; false when the queue is full. Throws the client's error when the record can't be queued. */
  produce(record: ProducerRecord, report: Report): boolean;
  /** Reports every record that is still queued as purged, and disconnects. Never rejects. */
  discard(): Promise<void>;
}

/** Called when a broker delays its answers because of a quota: by how many milliseconds. */
export type ThrottleListener = (milliseconds: number) => void;

const CONNECT_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** Connects a producer. Rejects with the client's error; `onFailure` gets the client that failed, for the reason in its log. */
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

/** Listens to a producer that was just created; its settings must include `dr_cb: true`. */
export function watch(native: NativeProducer, onThrottle?: ThrottleListener): ProducerClient {
  const unreported = new Set<Report>();
  let lastProgress = performance.now();
  let lastError: unknown;

  native.on('delivery-report', (error, { opaque }) => {
    const report = opaque as Report;
    // A record that was reported as purged when the client was discarded.
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
    produce({ topic, key, value, headers }, report) {
      const nativeHeaders = headers === undefined ? undefined : toNativeHeaders(headers);
      unreported.add(report);
      try {
        native.produce(topic, null, toNativeBytes(value), toNativeBytes(key), null, report, nativeHeaders);
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

/** What librdkafka reports for a record that it drops from its queue. */
const PURGED = Object.assign(new Error('purged'), { code: ERRORS.ERR__PURGE_QUEUE });
