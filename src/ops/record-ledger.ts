/**
 * The books of the records: at any moment consumed = acked + dead-lettered + released + in flight + waiting. Each place that owns a figure
 * reports it by itself, so that the sum proves something.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Origin } from '../records/records.ts';

export interface RecordLedger {
  /** Records handed to the graph. */
  consumed(records: number): void;
  /** This record goes to the dead letters, for an error of this code (`not_json`, `missing_required`, …): its ack will count as one. */
  deadLetter(origin: Origin, code: string): void;
  /** Records that every sink accepted, dead letters among them. Each record once, and none that was released before. */
  acked(origins: readonly Origin[]): void;
  /** Records given up un-acked because their partition was revoked or the graph broke: whoever is next consumes them again. */
  released(records: number): void;
  /** Fields that the schema doesn't know, in records that were accepted. */
  unknownFields(fields: number): void;
  /** An accepted record whose transfer_status is NeedTransfer. */
  needsTransfer(): void;
  /** Tells how many records are in the graph now; asked when the metrics are read. */
  inFlight(read: () => number): void;
  /** Tells how many records wait for their file now; asked when the metrics are read. */
  waiting(read: () => number): void;
  /** The figures now. */
  read(): LedgerFigures;
}

export interface LedgerFigures {
  readonly consumed: number;
  readonly acked: number;
  readonly deadLettered: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly released: number;
  readonly inFlight: number;
  readonly waiting: number;
}

/** Registers the ledger's series, `wado_records_…`. */
export function createRecordLedger(registry: Registry): RecordLedger {
  const registers = [registry];
  const counts = { consumed: 0, acked: 0, released: 0, unknownFields: 0, needTransfer: 0 };
  const deadLetters = new Map<string, number>();
  const codes = new WeakMap<Origin, string>();
  const gauges = { inFlight: () => 0, waiting: () => 0 };

  // Counts are plain numbers and become series only when somebody looks.
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

  counter('wado_records_consumed', 'Records handed to the graph', () => counts.consumed);
  counter('wado_records_acked', 'Records that every sink accepted', () => counts.acked);
  counter('wado_records_released', 'Records given up un-acked with their partition', () => counts.released);
  counter('wado_unknown_fields', 'Fields that the schema does not know', () => counts.unknownFields);
  counter(
    'wado_records_need_transfer',
    'Accepted records with transfer_status NeedTransfer',
    () => counts.needTransfer,
  );
  gauge('wado_records_in_flight', 'Records in the graph, not acked yet', () => gauges.inFlight());
  gauge('wado_records_waiting', 'Records that wait for their file', () => gauges.waiting());
  new Counter({
    name: 'wado_records_dead_lettered',
    help: 'Records whose dead letter is acknowledged, by error code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of deadLetters) this.labels(code).inc(count);
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
