/** The rows of a batch, one per key: the greatest version wins (docs/contract.md, "Which record wins"). */
import { hash } from 'node:crypto';
import { localTimestamp } from '../../records/local-timestamp.ts';
import { compareVersions, type Version } from '../../records/version.ts';
import { concatUtf8 } from '../files/concat-utf8.ts';
import type { BatchRequest, RowLists } from '../files/messages.ts';
import type { DicomHeader } from './header.ts';
import { type MessageIdentity, readIdentity } from './identity.ts';
import { imageMetaJson } from './image-meta.ts';
import { jsonString } from './json-string.ts';
import { stateMetaJson } from './state-meta.ts';

interface LatestRow {
  readonly index: number;
  readonly identity: string;
  readonly key: string;
  readonly json: string;
}

/** Collects the rows of one batch. */
export class LatestPerKey {
  readonly #request: BatchRequest;
  readonly #timestamps: string;
  readonly #states = new Map<string, LatestRow>();
  readonly #images = new Map<string, LatestRow>();

  /** `timestamps` as of `timestampsJson`: one time for the whole batch. */
  constructor(request: BatchRequest, timestamps: string) {
    this.#request = request;
    this.#timestamps = timestamps;
  }

  /**
   * Keeps the rows of the file at `index` if they are newer than those kept so far. Throws a DicomReadError if an identifying
   * attribute is missing or invalid.
   */
  offer(index: number, header: DicomHeader): void {
    const identity = readIdentity(header, this.#messageIdentity(index));
    const { patientId, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
    const tenantId = this.#request.tenantIds[index] ?? '';
    const series = `${tenantId}\0${studyInstanceUid}\0${seriesInstanceUid}`;
    const seriesKey = `${tenantId}_${patientId}_${studyInstanceUid}_${seriesInstanceUid}`;
    if (this.#isNewer(index, this.#states.get(series))) {
      const json = stateMetaJson(header, identity, tenantId, this.#endOf(index));
      this.#states.set(series, { index, identity: series, key: hash('md5', seriesKey), json });
    }
    const image = `${series}\0${sopInstanceUid}`;
    if (this.#isNewer(index, this.#images.get(image))) {
      const size = this.#request.sizes[index] ?? 0;
      const json = imageMetaJson(header, identity, tenantId, size, this.#endOf(index));
      this.#images.set(image, { index, identity: image, key: hash('md5', `${seriesKey}_${sopInstanceUid}`), json });
    }
  }

  /** The message's values, or null if the file must have its own. */
  #messageIdentity(index: number): MessageIdentity | null {
    const { missingIdentity, patientIds, studyDates } = this.#request;
    if (missingIdentity === 'dead_letter') return null;
    return { patientId: patientIds[index] ?? '', studyDate: studyDates[index] ?? null };
  }

  rows(): { readonly states: RowLists; readonly images: RowLists; readonly jsons: ArrayBuffer } {
    const states = [...this.#states.values()];
    const images = [...this.#images.values()];
    const { memory, lengths } = concatUtf8([...states, ...images].map(({ json }) => json));
    return {
      states: rowLists(states, lengths.slice(0, states.length)),
      images: rowLists(images, lengths.slice(states.length)),
      jsons: memory,
    };
  }

  #isNewer(index: number, than: LatestRow | undefined): boolean {
    return than === undefined || compareFiles(this.#request, index, than.index) > 0;
  }

  /** The last four fields of both records: when they were made, and their version. */
  #endOf(index: number): string {
    const { time, traceId } = versionAt(this.#request, index);
    return `${this.#timestamps},"source_time":"${time}","source_trace_id":${jsonString(traceId)}`;
  }
}

/** `compareVersions` for the files at two positions of a request. */
export function compareFiles(request: BatchRequest, a: number, b: number): number {
  return compareVersions(versionAt(request, a), versionAt(request, b));
}

function versionAt({ times, traceIds }: BatchRequest, index: number): Version {
  return { time: times[index] ?? '', traceId: traceIds[index] ?? '' };
}

function rowLists(rows: readonly LatestRow[], lengths: readonly number[]): RowLists {
  return {
    indexes: rows.map(({ index }) => index),
    identities: rows.map(({ identity }) => identity),
    keys: rows.map(({ key }) => key),
    lengths,
  };
}

/** The fields `created_time` and `updated_time` of a record: local time without a zone. */
export function timestampsJson(now: Date): string {
  const timestamp = localTimestamp(now);
  return `,"created_time":"${timestamp}","updated_time":"${timestamp}"`;
}
