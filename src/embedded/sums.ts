import type { Published } from './demo-input.ts';
import type { TableCounts } from './table-counts.ts';
import type { TopicCount } from './topic-tally.ts';

/** One comparison of input and output. */
export interface Sum {
  readonly what: string;
  /** Where the output was counted: a table or a topic. */
  readonly where: string;
  readonly expected: number;
  readonly found: number;
}

export interface Found {
  /** Sum of the group's committed offsets. */
  readonly committed: number;
  readonly tables: TableCounts;
  readonly states: TopicCount;
  readonly images: TopicCount;
  readonly deadLetters: TopicCount;
}

/** The comparisons that must hold when the lag is 0. Topics are compared by key: with at least once a record may be there twice. */
export function sumsOf(
  published: Published,
  { committed, tables, states, images, deadLetters }: Found,
): readonly Sum[] {
  const sum = (what: string, where: string, expected: number, found: number): Sum => ({ what, where, expected, found });
  return [
    sum('records processed', 'committed offsets', published.records, committed),
    sum('stored files', 'dicom_object_meta', published.stored, tables.objects),
    sum('studies', 'dicom_state_meta', published.studies, tables.studies),
    sum('series', 'dicom_state_meta', published.series, tables.series),
    sum('images', 'dicom_image_meta', published.images, tables.images),
    sum('series', 'dicom_state_queue', published.series, states.distinct),
    sum('images', 'dicom_image_queue', published.images, images.distinct),
    sum('dead letters', 'storage_queue.dlq', published.poison, deadLetters.distinct),
  ];
}

export function addsUp(sums: readonly Sum[]): boolean {
  return sums.every(({ expected, found }) => expected === found);
}
