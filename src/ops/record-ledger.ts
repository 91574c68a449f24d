/**
 * Accounts for every record: consumed = acked + dead-lettered + released + in flight + waiting, at any time. The counts
 * come from different places in the service, so that a lost record shows as a difference.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DicomReadErrorCode, ParseErrorCode, SinkErrorCode } from '../errors.ts';
import type { Origin } from '../records/records.ts';

/** Counts records by what became of them. */
export interface RecordLedger {
  /** Records passed to the topology. */
  consumed(records: number): void;
  /**
   * Marks the record with this origin as dead-lettered: its acknowledgement counts as a dead letter with this error code.
   */
  deadLetter(origin: Origin, code: string): void;
  /** Counts acknowledged records, dead letters included. Each record must be passed once, and no released one. */
  acked(origins: readonly Origin[]): void;
  /**
   * Counts unacknowledged records that were dropped with their partition or by a restart. They are redelivered.
   */
  released(records: number): void;
  /** Counts records that were delivered again and not passed to the topology, because they are already acknowledged. */
  alreadyDone(records: number): void;
  /** Counts unknown fields of an accepted record. */
  unknownFields(fields: number): void;
  /** Counts an accepted record whose transfer_status is NeedTransfer. */
  needsTransfer(): void;
  /** Sets the function that returns the number of records in flight. It is called when the metrics are read. */
  inFlight(read: () => number): void;
  /** Sets the function that returns the number of records that wait for files. It is called when the metrics are read. */
  waiting(read: () => number): void;
  /** The current counts. */
  read(): LedgerFigures;
}

/** The counts at one moment. */
export interface LedgerFigures {
  readonly consumed: number;
  readonly acked: number;
  readonly deadLettered: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly released: number;
  readonly inFlight: number;
  readonly waiting: number;
}

type DeadLetterCode = ParseErrorCode | DicomReadErrorCode | Extract<SinkErrorCode, 'rejected'>;

/** Every code of a dead letter, at 0: `increase()` doesn't see the first record of a series that begins with it. */
const NO_DEAD_LETTERS: Readonly<Record<DeadLetterCode, 0>> = {
  null_value: 0,
  not_utf8: 0,
  too_many_values: 0,
  not_json: 0,
  not_an_object: 0,
  invalid_field: 0,
  missing_required: 0,
  empty_required: 0,
  too_long: 0,
  invalid_date: 0,
  conflicting: 0,
  not_dicom: 0,
  no_transfer_syntax: 0,
  truncated: 0,
  bad_meta: 0,
  bad_sequence: 0,
  bad_deflate: 0,
  too_deep: 0,
  too_many_elements: 0,
  header_too_large: 0,
  outside_storage_roots: 0,
  not_a_regular_file: 0,
  file_missing: 0,
  file_unreadable: 0,
  read_timeout: 0,
  read_failed: 0,
  rejected: 0,
};

/** Creates the ledger and registers its metrics. */
export function createRecordLedger(registry: Registry): RecordLedger {
  const registers = [registry];
  const counts = { consumed: 0, acked: 0, released: 0, alreadyDone: 0, unknownFields: 0, needTransfer: 0 };
  const deadLetters = new Map<string, number>();
  const codes = new WeakMap<Origin, string>();
  const gauges = { inFlight: () => 0, waiting: () => 0 };

  // Plain numbers are cheaper per record than prom-client's counters. They are copied when the metrics are read.
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  counter('wado_records_consumed', 'Records passed to the topology', () => counts.consumed);
  counter('wado_records_acked', 'Records that every sink has stored', () => counts.acked);
  counter(
    'wado_records_released',
    'Unacknowledged records dropped by a revocation or a restart; they are redelivered',
    () => counts.released,
  );
  counter(
    'wado_records_already_done',
    'Records delivered again that the group had acknowledged above its committed offset; they are not consumed again',
    () => counts.alreadyDone,
  );
  counter('wado_unknown_fields', 'Unknown fields in accepted records', () => counts.unknownFields);
  counter(
    'wado_records_need_transfer',
    'Accepted records with transfer_status NeedTransfer',
    () => counts.needTransfer,
  );
  gauge('wado_records_in_flight', 'Records in the topology that are not acknowledged yet', () => gauges.inFlight());
  gauge('wado_records_waiting', 'Records that are waiting for their file or for a lost storage root', () =>
    gauges.waiting(),
  );
  new Counter({
    name: 'wado_records_dead_lettered',
    help: 'Records whose dead letter is acknowledged, by error code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      const counts = { ...NO_DEAD_LETTERS, ...Object.fromEntries(deadLetters) };
      for (const [code, count] of Object.entries(counts)) this.labels(code).inc(count);
    },
  });

  return {
    consumed: (records) => {
      counts.consumed += records;
    },
    deadLetter: (origin, code) => void codes.set(origin, code),
    acked: (origins) => {
      for (const origin of origins) {
        const code = codes.get(origin);
        if (code === undefined) counts.acked++;
        else deadLetters.set(code, (deadLetters.get(code) ?? 0) + 1);
      }
    },
    released: (records) => {
      counts.released += records;
    },
    alreadyDone: (records) => {
      counts.alreadyDone += records;
    },
    needsTransfer: () => {
      counts.needTransfer++;
    },
    unknownFields: (fields) => {
      counts.unknownFields += fields;
    },
    inFlight: (read) => {
      gauges.inFlight = read;
    },
    waiting: (read) => {
      gauges.waiting = read;
    },
    read: () => ({
      consumed: counts.consumed,
      acked: counts.acked,
      released: counts.released,
      deadLettered: [...deadLetters.values()].reduce((sum, count) => sum + count, 0),
      deadLetters: Object.fromEntries(deadLetters),
      inFlight: gauges.inFlight(),
      waiting: gauges.waiting(),
    }),
  };
}
