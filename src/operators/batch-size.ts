/** A limit of a batch beside the number of its items. */
export interface SizeLimit<T> {
  /** The batch is complete when its items together have at least this size. */
  readonly limit: number;
  /** The size of one item, in the unit of `limit`. */
  readonly sizeOf: (item: T) => number;
}

/** The number of items, at most `count`, that the next batch of `items` has. */
export function nextBatchLength<T>(items: readonly T[], count: number, size?: SizeLimit<T>): number {
  const most = Math.min(count, items.length);
  if (size === undefined) return most;
  let sum = 0;
  for (const [index, item] of items.entries()) {
    sum += size.sizeOf(item);
    if (index + 1 >= most || sum >= size.limit) return index + 1;
  }
  return most;
}
