import type { PartitionOffset } from '../client/types.ts';
import { encodeMetadata, METADATA_BYTES } from './commit-metadata.ts';
import type { DoneRanges } from './done-ranges.ts';
import type { CommittableOffset } from './partition-offsets.ts';

/** An offset as the client commits it. */
export interface NativeCommit extends PartitionOffset {
  readonly metadata?: string;
}

/** Offsets ready to be committed. */
export interface EncodedCommit {
  readonly offsets: readonly NativeCommit[];
  /** Per offset, the number of done offsets above it that the metadata doesn't list. After a restart they are processed again. */
  readonly unlisted: readonly (PartitionOffset & { readonly records: number })[];
}

/** Below this, metadata could list almost nothing. */
const LEAST_BYTES = 256;

/** Adds the metadata to offsets, within the size that the broker accepts (`offset.metadata.max.bytes`). */
export class CommitEncoder {
  #maxBytes = METADATA_BYTES;
  /** Whether the next commit carries no done offsets: after a refusal, nothing may delay the offsets themselves. */
  #isPlain = false;
  #wasPlain = false;
  /** Whether commits carry no metadata: the broker has refused the least of it. */
  #omits = false;
  /** The size of the largest metadata of the last commit. */
  #sentBytes = 0;
  /** The largest size that the broker has accepted. */
  #acceptedBytes = 0;

  /** Whether the last commit carried no done offsets although the broker accepts some: it must be followed by another. */
  get isIncomplete(): boolean {
    return this.#wasPlain && this.#maxBytes > 0;
  }

  encode(offsets: readonly CommittableOffset[]): EncodedCommit {
    const maxBytes = this.#isPlain ? 0 : this.#maxBytes;
    this.#wasPlain = this.#isPlain;
    this.#isPlain = false;
    const encoded: NativeCommit[] = [];
    const unlisted: (PartitionOffset & { records: number })[] = [];
    for (const each of offsets) {
      const { commit, listedTo } = this.encodeOne(each, maxBytes);
      encoded.push(commit);
      unlisted.push({ ...commit, records: countFrom(each.done, listedTo) });
    }
    this.sends(encoded);
    return { offsets: encoded, unlisted };
  }

  /** To be called with the commits of `encodeOne` that are sent, before `accepted` or `refused`. */
  sends(commits: readonly NativeCommit[]): void {
    this.#sentBytes = commits.reduce((most, { metadata = '' }) => Math.max(most, Buffer.byteLength(metadata)), 0);
  }

  /** The broker has accepted the last commit. */
  accepted(): void {
    this.#acceptedBytes = Math.max(this.#acceptedBytes, this.#sentBytes);
  }

  /** One offset with its metadata. Every done offset below `listedTo` is listed; Infinity when all are. */
  encodeOne(
    { topic, partition, offset, log, done }: CommittableOffset,
    maxBytes = this.#maxBytes,
  ): { readonly commit: NativeCommit; readonly listedTo: number } {
    if (log === undefined || this.#omits)
      return { commit: { topic, partition, offset }, listedTo: done[0] ?? Number.POSITIVE_INFINITY };
    const { text, listedTo } = encodeMetadata(log, offset, done, maxBytes);
    return { commit: { topic, partition, offset, metadata: text }, listedTo };
  }

  /**
   * The broker refused the size of the last commit's metadata: the next commit lists nothing, the metadata of later ones is at most half as
   * large, but not smaller than what the broker has accepted. Without a list, it may still be too large: then no commit has metadata any
   * more. Returns the size.
   */
  refused(): number {
    // It is another broker now, or configured differently: nothing is known of what it accepts.
    if (this.#acceptedBytes >= this.#sentBytes) this.#acceptedBytes = 0;
    this.#omits = this.#wasPlain || this.#maxBytes === 0;
    this.#isPlain = !this.#omits;
    const tried = Math.min(this.#maxBytes, this.#sentBytes);
    const smaller = tried > LEAST_BYTES ? Math.max(LEAST_BYTES, Math.floor(tried / 2)) : 0;
    const bytes = Math.max(this.#acceptedBytes, smaller);
    this.#maxBytes = this.#omits || bytes < LEAST_BYTES ? 0 : bytes;
    return this.#maxBytes;
  }
}

function countFrom(ranges: DoneRanges, first: number): number {
  let count = 0;
  for (let i = 0; i < ranges.length; i += 2)
    if ((ranges[i] ?? 0) >= first) count += (ranges[i + 1] ?? 0) - (ranges[i] ?? 0);
  return count;
}
