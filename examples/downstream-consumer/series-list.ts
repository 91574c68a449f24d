/** A consumer of `dicom_state_queue`: the newest row of each series, in memory. */
import { KafkaJS } from '@confluentinc/kafka-javascript';
import type { DicomStateMeta } from 'wado-consumer/testing';

export interface SeriesListOptions {
  readonly brokers: string;
  readonly topic: string;
  readonly group: string;
}

export class SeriesList {
  readonly #rows = new Map<string, DicomStateMeta>();
  readonly #consumer: KafkaJS.Consumer;

  static async start({ brokers, topic, group }: SeriesListOptions): Promise<SeriesList> {
    const kafka = new KafkaJS.Kafka({ kafkaJS: { brokers: [brokers], logLevel: KafkaJS.logLevel.NOTHING } });
    const consumer = kafka.consumer({ kafkaJS: { groupId: group, fromBeginning: true } });
    const list = new SeriesList(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await consumer.run({ eachMessage: async ({ message }) => list.#enter(message.value) });
    return list;
  }

  private constructor(consumer: KafkaJS.Consumer) {
    this.#consumer = consumer;
  }

  get size(): number {
    return this.#rows.size;
  }

  modality(seriesUid: string): string | null | undefined {
    return [...this.#rows.values()].find((row) => row.series_uid === seriesUid)?.modality;
  }

  /** Records may come twice and in any order: the row with the greater version stays (docs/topics.md, "Keeping the newest row"). */
  #enter(value: Buffer | null): void {
    if (value === null) return;
    const row: DicomStateMeta = JSON.parse(value.toString());
    const key = [row.tenant_id, row.study_uid, row.series_uid].join('/');
    const known = this.#rows.get(key);
    if (known === undefined || isNewer(row, known)) this.#rows.set(key, row);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.disconnect();
  }
}

function isNewer(row: DicomStateMeta, known: DicomStateMeta): boolean {
  if (row.source_time !== known.source_time) return row.source_time > known.source_time;
  return Buffer.compare(Buffer.from(row.source_trace_id), Buffer.from(known.source_trace_id)) > 0;
}
